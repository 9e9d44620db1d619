/**
 * Writes the corpora of snapshots and values. To be run once when their form is new:
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
table.apply(1, { type: 'open-session', nonce: Uint8Array.of(1, 2) }, apply)
const one = encodeState({ sessions: table.encode(), machine })
table.apply(
  2,
  { type: 'command', session: 1, sequence: 1, acknowledged: 1, bytes: Uint8Array.of(9) },
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
