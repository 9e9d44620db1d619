/**
 * Writes the corpora of frames, entries and session tables. To be run once when a type of message
 * is new: npx tsx --conditions=@paxos/source test/wire/write-corpus.ts
 */
import { encodeEntry, NO_OP, SessionTable } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import * as fc from 'fast-check'
import { messages } from './arbitraries.ts'
// By its path: testkit depends on core, so core cannot depend on testkit.
import { writeCorpus } from '../../../testkit/src/fuzz.ts'

const frames = Object.entries(messages).flatMap(([type, message]) =>
  fc
    .sample<Parameters<typeof encode>[0]['message']>(message, { seed: 7, numRuns: 40 })
    .map((body) => encode({ cluster: 'c', from: 'node-1', message: body }))
    .toSorted((a, b) => a.byteLength - b.byteLength)
    .filter((_, at) => at === 8 || at === 20)
    .map((frame, at) => [`${type}-${at + 1}`, frame] as const),
)
writeCorpus(new URL('corpus/envelope/', import.meta.url), Object.fromEntries(frames))

const bytes = Uint8Array.of(9, 8, 7)
writeCorpus(new URL('../multi/corpus/entry/', import.meta.url), {
  'no-op': NO_OP,
  command: encodeEntry({ type: 'command', session: 300, sequence: 5, acknowledged: 2, bytes }),
  'open-session': encodeEntry({ type: 'open-session', nonce: bytes }),
  'expire-sessions': encodeEntry({ type: 'expire-sessions', sessions: [1, 300, 2 ** 40] }),
})

const table = new SessionTable()
const empty = table.encode()
const apply = (command: Uint8Array) => command
table.apply(1, { type: 'open-session', nonce: Uint8Array.of(1) }, apply)
const one = table.encode()
table.apply(200, { type: 'open-session', nonce: new Uint8Array(16).fill(2) }, apply)
for (let sequence = 1; sequence <= 3; sequence += 1) {
  const command = { type: 'command', session: 200, sequence, acknowledged: 1, bytes } as const
  table.apply(200 + sequence, command, apply)
}
const entry = { session: 1, sequence: 9, acknowledged: 9, bytes: new Uint8Array(0) } as const
table.apply(300, { type: 'command', ...entry }, apply)
writeCorpus(new URL('../multi/corpus/sessions/', import.meta.url), {
  empty,
  one,
  several: table.encode(),
})
