/**
 * A process that opens, connects, sends, closes and is then done. Run by process.long.test.ts, which
 * sees whether it ends. Must never call process.exit.
 */
import { webSocket } from '@paxos/transport-websocket'

const listen = 'ws://127.0.0.1:0'
const [a, b, failed] = [webSocket(), webSocket(), webSocket()]
let hasArrived: (() => void) | null = null
const arrived = new Promise<void>((resolve) => {
  hasArrived = resolve
})
const peers = new Map([['a', 'ws://127.0.0.1:9']])
await b.open({ id: 'b', listen, peers, receive: () => hasArrived?.() })
const book = new Map([
  ['b', b.address],
  ['down', 'ws://127.0.0.1:9'],
  ['named', 'ws://localhost:9'],
])
await a.open({ id: 'a', listen, peers: book, receive() {} })
for (const id of book.keys()) a.send(id, new Uint8Array(1 << 20))
const taken = { id: 'c', listen: a.address, peers: new Map(), receive() {} }
await failed.open(taken).catch(() => {})
await arrived
await Promise.all([a.close(), b.close()])
console.log('closed')
