/**
 * Writes the corpora of snapshots and values. Those of release 0.0.0 are beside these. To be run once when their form is new:
 * npx tsx --conditions=@paxos/source test/write-corpus.ts
 */
import { SessionTable } from '@paxos/core/multi'
import { json } from '../src/codec.ts'
import { encodeState } from '../src/replica-snapshot.ts'
import { writeCorpus } from '@paxos/testkit/fuzz'

const table = new SessionTable()
const machine = Uint8Array.of(5, 4, 3)
const empty = encodeState({ sessions: table.encode(), machine: new Uint8Array(0) })
const apply = (command: Uint8Array) => command
table.apply(1, { type: 'open-session', space: 'caller', nonce: new Uint8Array(16) }, apply)
const one = encodeState({ sessions: table.encode(), machine })
const [session] = table.sessions
if (session === undefined) throw new Error('It is not open.')
table.apply(
  2,
  { type: 'command', session, sequence: 1, acknowledged: 1, bytes: Uint8Array.of(9) },
  apply,
)
writeCorpus(new URL('corpus/snapshot/', import.meta.url), {
  empty,
  one,
  'with-result': encodeState({ sessions: table.encode(), machine }),
})

const encode = (value: unknown) => json<unknown>().encode(value)
writeCorpus(new URL('corpus/value/', import.meta.url), {
  null: encode(null),
  text: encode('é😀\u0000"\\'),
  number: encode(-1.5e-7),
  command: encode({ type: 'put', key: 'k', value: 'v', list: [1, true, { nested: [] }] }),
})
