/**
 * Writes the corpora of frames, entries, configurations and session tables. To be run once when a
 * type of message, or a field of one, is new; what is there is then kept under another name, so that
 * frames of before stay in it: npx tsx --conditions=@paxos/source test/wire/write-corpus.ts
 */
import { encodeConfiguration, encodeEntry, NO_OP, SessionTable } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import * as fc from 'fast-check'
import { FIVE_MEMBERS } from '../multi/configurations.ts'
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

// Those of release 0.0.0 are beside these, and stay as they are.
const bytes = Uint8Array.of(9, 8, 7)
const nonceOf = (byte: number) => new Uint8Array(16).fill(byte)
const named = <Space extends 'caller' | 'node'>(space: Space, byte: string) =>
  `${space}:${byte.repeat(16)}` as const
const lone = {
  type: 'command',
  session: named('caller', 'c7'),
  sequence: 300,
  acknowledged: 2,
  bytes,
} as const
const several = {
  type: 'commands',
  session: named('node', '0a'),
  sequence: 300,
  acknowledged: 2,
  commands: [bytes, new Uint8Array(), bytes],
} as const
writeCorpus(new URL('../multi/corpus/entry/', import.meta.url), {
  'no-op': NO_OP,
  'caller-command': encodeEntry(lone),
  'node-command': encodeEntry({
    type: 'command',
    session: named('node', '0a'),
    sequence: 1,
    acknowledged: 1,
    bytes,
  }),
  'open-caller-session': encodeEntry({
    type: 'open-session',
    space: 'caller',
    nonce: nonceOf(0xc7),
  }),
  commands: encodeEntry(several),
  bundle: encodeEntry({
    type: 'bundle',
    entries: [several, { ...several, sequence: 301 }, { ...lone, session: named('caller', '5e') }],
  }),
  members: encodeEntry({ type: 'members', replaces: 300, ...FIVE_MEMBERS }),
  'open-node-session': encodeEntry({ type: 'open-session', space: 'node', nonce: nonceOf(10) }),
  'expire-unused': encodeEntry({
    type: 'expire-unused',
    sessions: [
      { session: named('caller', 'c7'), usedAt: 2 ** 40 },
      { session: 300, usedAt: 300 },
      { session: named('node', '0a'), usedAt: 1 },
    ],
  }),
})

const [first, ...others] = FIVE_MEMBERS.members
if (first === undefined) throw new Error('There are five.')
writeCorpus(new URL('../multi/corpus/configuration/', import.meta.url), {
  begun: encodeConfiguration({
    version: 0,
    members: [first],
    quorums: { type: 'majority' },
    former: [],
  }),
  five: encodeConfiguration({ version: 300, ...FIVE_MEMBERS }),
  grid: encodeConfiguration({
    version: 2 ** 40,
    members: [first, ...others.map((member) => ({ ...member, role: 'voter' as const }))],
    quorums: { type: 'grid', columns: 5 },
    former: [],
  }),
})

const table = new SessionTable()
const empty = table.encode()
const apply = (command: Uint8Array) => command
table.apply(1, { type: 'open-session', space: 'caller', nonce: nonceOf(1) }, apply)
const one = table.encode()
table.apply(150, { type: 'open-session', space: 'slot', nonce: Uint8Array.of(7, 7) }, apply)
table.apply(200, { type: 'open-session', space: 'node', nonce: nonceOf(2) }, apply)
const [early, , second] = table.sessions
if (early === undefined || second === undefined) throw new Error('They are not open.')
for (let sequence = 1; sequence <= 3; sequence += 1) {
  const command = { type: 'command', session: second, sequence, acknowledged: 1, bytes } as const
  table.apply(200 + sequence, command, apply)
}
const entry = { session: early, sequence: 9, acknowledged: 9, bytes: new Uint8Array(0) } as const
table.apply(300, { type: 'command', ...entry }, apply)
writeCorpus(new URL('../multi/corpus/sessions/', import.meta.url), {
  empty,
  one,
  several: table.encode(),
})
