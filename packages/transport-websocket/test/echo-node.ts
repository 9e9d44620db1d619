/**
 * The node b: prints its address, and sends what a sends back to it, until it is killed. Run by
 * connections.test.ts.
 */
import { webSocket } from '@paxos/transport-websocket'

const [listen = '', peer = ''] = process.argv.slice(2)
const transport = webSocket()
const receive = (from: string, frame: Uint8Array): void => transport.send(from, frame)
await transport.open({ id: 'b', listen, peers: new Map([['a', peer]]), receive })
console.log(transport.address)
