import { describe, it } from 'vitest'
import type { NodeId } from '@paxos/core'
import { transportConformance } from '@paxos/testkit'
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

/** Every id that the suite uses. */
const IDS = ['a', 'b', 'c', 'peer', 'late', 'closing', '', 'ñ😀', 'x'.repeat(255)]
const authority = await testAuthority()
const tls = new Map<NodeId, TlsOptions>()
for (const id of IDS) {
  tls.set(id, { ca: authority.ca, ...(await authority.issue({ commonName: id })) })
}

function tlsOf(id: NodeId): TlsOptions {
  const options = tls.get(id)
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
