/**
 * A process that opens, sends, is refused, closes and is then done. Run by process.long.test.ts, which
 * sees whether it ends, and what it prints. Must never call process.exit.
 */
import { testAuthority } from '@paxos/testkit/certificates'
import { grpc } from '@paxos/transport-grpc'
import type { GrpcTransport } from '@paxos/transport-grpc'

const authority = await testAuthority()
const receive = (): void => {}

for (const scheme of ['grpc', 'grpcs']) {
  const made = async (id: string): Promise<GrpcTransport> => {
    if (scheme === 'grpc') return grpc()
    return grpc({ tls: { ca: authority.ca, ...(await authority.issue({ commonName: id })) } })
  }
  const listen = `${scheme}://127.0.0.1:0`
  const b = await made('b')
  const arrived = new Promise<void>((resolve) => {
    void b.open({ id: 'b', listen, peers: new Map([['a', 'nowhere']]), receive: () => resolve() })
  })
  const a = await made('a')
  await a.open({ id: 'a', listen, peers: new Map(), receive })
  const peers = new Map([
    ['b', b.address],
    ['down', `${scheme}://127.0.0.1:9`],
    ['named', `${scheme}://localhost:9`],
    ['another', b.address],
  ])
  a.setPeers(peers)
  for (const id of peers.keys()) a.send(id, new Uint8Array(1 << 20))
  await arrived
  const taken = await made('c')
  await taken.open({ id: 'c', listen: b.address, peers, receive }).catch(() => {})
  await Promise.all([a.close(), b.close(), taken.close()])
}
console.log('closed')
