/** What the conformance suite tests here: for its test, and for `pnpm conformance`. */
import type { Subject } from '@paxos/testkit'
import { certifiedHarness } from '@paxos/testkit/certificates'
import { webSocket } from '@paxos/transport-websocket'

const MALFORMED = ['', '127.0.0.1:7000', 'ws://127.0.0.1', 'wss://:7000', 'udp://127.0.0.1:7000']

const subjects = [
  {
    name: 'in the clear',
    transport: () => ({
      transport: () => webSocket(),
      listen: () => 'ws://127.0.0.1:0',
      deserted: 'ws://127.0.0.1:9',
      malformed: MALFORMED,
    }),
    notApplicable: { impostors: 'without certificates nobody proves anything' },
  },
  {
    name: 'with certificates',
    transport: await certifiedHarness({
      transport: (tls) => webSocket({ tls }),
      impostor: (tls) => webSocket({ tls: { ...tls, mutual: false } }),
      listen: () => 'wss://127.0.0.1:0',
      deserted: 'wss://127.0.0.1:9',
      malformed: MALFORMED,
    }),
  },
] satisfies readonly Subject[]
export default subjects
