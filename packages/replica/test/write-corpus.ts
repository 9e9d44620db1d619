/**
 * Writes the corpora of snapshots and values; those of earlier forms are beside these, and stay. To be
 * run once when their form is new:
 * npx tsx --conditions=@paxos/source test/write-corpus.ts
 */
import { SessionTable } from '@paxos/core/multi'
import { json } from '../src/codec.ts'
import { encodeState } from '../src/replica-snapshot.ts'
import { encodeStored } from '../src/stored-result.ts'
import { writeCorpus } from '@paxos/testkit/fuzz'

const table = new SessionTable()
const machine = Uint8Array.of(5, 4, 3)
const empty = encodeState({ sessions: table.encode(), machine: new Uint8Array(0), revision: 0 })
const apply = (bytes: Uint8Array) => encodeStored({ type: 'result', bytes })
table.apply(1, { type: 'open-session', space: 'caller', nonce: new Uint8Array(16) }, apply)
const one = encodeState({ sessions: table.encode(), machine, revision: 1 })
const [session] = table.sessions
if (session === undefined) throw new Error('It is not open.')
table.apply(
  2,
  { type: 'command', session, sequence: 1, acknowledged: 1, bytes: Uint8Array.of(9) },
  apply,
)
const withResult = encodeState({ sessions: table.encode(), machine, revision: 300 })
table.apply(
  3,
  { type: 'command', session, sequence: 2, acknowledged: 1, bytes: Uint8Array.of(9) },
  () => encodeStored({ type: 'failed', message: 'No.' }),
)
writeCorpus(new URL('corpus/snapshot/', import.meta.url), {
  empty,
  one,
  'with-result': withResult,
  'with-failure': encodeState({ sessions: table.encode(), machine, revision: 2 ** 40 }),
})

const encode = (value: unknown) => json<unknown>().encode(value)
writeCorpus(new URL('corpus/value/', import.meta.url), {
  null: encode(null),
  text: encode('é😀\u0000"\\'),
  number: encode(-1.5e-7),
  command: encode({ type: 'put', key: 'k', value: 'v', list: [1, true, { nested: [] }] }),
})
