import { describe, it } from 'vitest'
import type { NodeId } from '@paxos/core'
import { TRANSPORT_IDS, transportConformance } from '@paxos/testkit'
import { testAuthority } from '@paxos/testkit/certificates'
import { grpc } from '@paxos/transport-grpc'
import type { TlsOptions } from '@paxos/transport-grpc'
import { certified } from './certified.ts'

const MALFORMED = ['', '127.0.0.1:7000', 'grpc://127.0.0.1', 'grpcs://:7000', 'memory://a']

describe('grpc:', () => {
  transportConformance(
    () => ({
      transport: () => grpc(),
      listen: () => 'grpc://127.0.0.1:0',
      deserted: 'grpc://127.0.0.1:9',
      malformed: MALFORMED,
    }),
    { describe, it },
  )
})

const authority = await testAuthority()
const tls = new Map<NodeId, TlsOptions>()
for (const id of TRANSPORT_IDS) {
  tls.set(id, { ca: authority.ca, ...(await authority.issue({ commonName: id })) })
}

/** An id that no certificate can name has another's: it is refused before that matters. */
function tlsOf(id: NodeId): TlsOptions {
  const options = tls.get(id) ?? tls.get('a')
  if (options === undefined) throw new Error(`There is no certificate for '${id}'.`)
  return options
}

describe('grpcs:, with certificates on both sides', () => {
  transportConformance(
    () => ({
      transport: () => certified(tlsOf),
      listen: () => 'grpcs://127.0.0.1:0',
      deserted: 'grpcs://127.0.0.1:9',
      malformed: MALFORMED,
    }),
    { describe, it },
  )
})
