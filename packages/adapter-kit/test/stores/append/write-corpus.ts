/**
 * Writes the corpora of records and frames. To be run once when a kind of them is new:
 * npx tsx --conditions=@paxos/source test/stores/append/write-corpus.ts
 */
import { encodeFrame, FRAME_KIND } from '../../../src/stores/append/frame.ts'
import { encodeBasis, encodeChange } from '../../../src/stores/append/record.ts'
import { writeCorpus } from '@paxos/testkit/fuzz'

const bytes = Uint8Array.of(1, 2, 3)
const ballot = { round: 300, node: 'node-1' }
const entry = { slot: 2 ** 40, ballot, value: bytes }
const empty = { slot: 1, ballot: { round: 1, node: '' }, value: new Uint8Array(0) }
const members = [
  { id: 'a', address: 'udp://10.0.0.1:7000' },
  { id: 'é', address: '' },
]
const reference = { id: 2n ** 63n + 5n, length: 1000, through: 7, members }
const all = encodeChange(
  {
    promised: ballot,
    accepted: [empty, entry],
    chosenThrough: 9,
    snapshot: { through: 7, members, bytes },
  },
  77n,
).bytes
writeCorpus(new URL('./corpus/records/', import.meta.url), {
  promised: encodeChange({ promised: ballot }, 0n).bytes,
  accepted: encodeChange({ accepted: [empty, entry, { ...entry, slot: 3 }] }, 0n).bytes,
  'chosen-through': encodeChange({ chosenThrough: 2 ** 53 - 1 }, 0n).bytes,
  basis: encodeBasis({
    promised: ballot,
    chosenThrough: 7,
    snapshot: reference,
    admitted: false,
  }).bytes,
  'basis-admitted': encodeBasis({
    promised: ballot,
    chosenThrough: 7,
    snapshot: { ...reference, configuration: Uint8Array.of(1, 0, 255) },
    admitted: true,
  }).bytes,
  'empty-configuration': encodeBasis({
    promised: null,
    chosenThrough: 0,
    snapshot: { ...reference, configuration: new Uint8Array(0) },
    admitted: false,
  }).bytes,
  all,
})
const id = 0x1234_5678_9abc_def0n
writeCorpus(
  new URL('./corpus/frame/', import.meta.url),
  Object.fromEntries(
    Object.entries(FRAME_KIND).map(([name, kind], at) => [
      name,
      at % 2 === 0
        ? encodeFrame({ kind, id, serial: at })
        : encodeFrame({ kind, id, serial: 2 ** 40 + at }, all),
    ]),
  ),
)
