/** What the conformance suite tests here, for `pnpm conformance`. */
import type { Subject } from '@paxos/testkit'
import { webSocket } from '@paxos/transport-websocket'

const subject: Subject = {
  transport: () => ({
    transport: () => webSocket(),
    listen: () => 'ws://127.0.0.1:0',
    deserted: 'ws://127.0.0.1:9',
    malformed: ['', '127.0.0.1:7000', 'ws://127.0.0.1', 'ws://:7000', 'udp://127.0.0.1:7000'],
  }),
}
export default subject
