/**
 * A process that opens, sends, closes and is then done. Run by process.long.test.ts, which
 * sees whether it ends. Must never call process.exit.
 */
import { udp } from '@paxos/transport-udp'

const receive = (): void => {}
const peers = new Map([
  ['b', 'udp://127.0.0.1:9'],
  ['named', 'udp://localhost:9'],
])
const transport = udp()
await transport.open({ id: 'a', listen: 'udp://127.0.0.1:0', peers, receive })
for (const id of peers.keys()) transport.send(id, new Uint8Array(1 << 20))
const failed = udp()
await failed.open({ id: 'b', listen: transport.address, peers, receive }).catch(() => {})
await transport.close()
console.log('closed')
