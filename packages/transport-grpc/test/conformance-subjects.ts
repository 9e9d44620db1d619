/** What the conformance suite tests here, for `pnpm conformance`. */
import type { Subject } from '@paxos/testkit'
import { grpc } from '@paxos/transport-grpc'

const subject: Subject = {
  transport: () => ({
    transport: () => grpc(),
    listen: () => 'grpc://127.0.0.1:0',
    deserted: 'grpc://127.0.0.1:9',
    malformed: ['', '127.0.0.1:7000', 'grpc://127.0.0.1', 'grpc://:7000', 'memory://a'],
  }),
}
export default subject
