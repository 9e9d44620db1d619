/** What the conformance suite tests here: for its test, and for `pnpm conformance`. */
import type { Subject } from '@paxos/testkit'
import { certifiedHarness } from '@paxos/testkit/certificates'
import { grpc } from '@paxos/transport-grpc'

const MALFORMED = ['', '127.0.0.1:7000', 'grpc://127.0.0.1', 'grpcs://:7000', 'memory://a']

const subjects = [
  {
    name: 'in the clear',
    transport: () => ({
      transport: () => grpc(),
      listen: () => 'grpc://127.0.0.1:0',
      deserted: 'grpc://127.0.0.1:9',
      malformed: MALFORMED,
    }),
    notApplicable: { impostors: 'without certificates nobody proves anything' },
  },
  {
    name: 'with certificates',
    transport: await certifiedHarness({
      transport: (tls) => grpc({ tls }),
      impostor: (tls) => grpc({ tls: { ...tls, mutual: false } }),
      listen: () => 'grpcs://127.0.0.1:0',
      deserted: 'grpcs://127.0.0.1:9',
      malformed: MALFORMED,
    }),
  },
] satisfies readonly Subject[]
export default subjects
