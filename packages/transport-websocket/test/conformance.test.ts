import { describe, it } from 'vitest'
import type { NodeId, Transport } from '@paxos/core'
import { TRANSPORT_IDS, transportConformance } from '@paxos/testkit'
import { testAuthority } from '@paxos/testkit/certificates'
import type { TestCertificate } from '@paxos/testkit/certificates'
import { webSocket } from '@paxos/transport-websocket'

describe('ws:', () => {
  transportConformance(
    () => ({
      transport: () => webSocket(),
      listen: () => 'ws://127.0.0.1:0',
      deserted: 'ws://127.0.0.1:9',
      malformed: ['', '127.0.0.1:7000', 'ws://127.0.0.1', 'ws://:7000', 'udp://127.0.0.1:7000'],
    }),
    { describe, it },
  )
})

const authority = await testAuthority()
const certificates = new Map(
  await Promise.all(
    TRANSPORT_IDS.map(async (id) => [id, await authority.issue({ commonName: id })] as const),
  ),
)

/** An id that no certificate can name has another's: it is refused before that matters. */
function certificateOf(id: NodeId): TestCertificate {
  const certificate = certificates.get(id) ?? certificates.get('a')
  if (certificate === undefined) throw new Error(`No certificate was issued to '${id}'.`)
  return certificate
}

/** A transport with the certificate of whatever id it is opened with. */
function certified(): Transport {
  let transport: Transport = webSocket()
  let isNew = true
  return {
    open(options) {
      if (isNew) transport = webSocket({ tls: { ca: authority.ca, ...certificateOf(options.id) } })
      isNew = false
      return transport.open(options)
    },
    get address() {
      return transport.address
    },
    setPeers: (peers) => transport.setPeers(peers),
    send: (to, frame) => transport.send(to, frame),
    close: () => transport.close(),
  }
}

describe('wss: with certificates on both sides', () => {
  transportConformance(
    () => ({
      transport: certified,
      listen: () => 'wss://127.0.0.1:0',
      deserted: 'wss://127.0.0.1:9',
      malformed: ['', '127.0.0.1:7000', 'wss://127.0.0.1', 'wss://:7000', 'udp://127.0.0.1:7000'],
    }),
    { describe, it },
  )
})
