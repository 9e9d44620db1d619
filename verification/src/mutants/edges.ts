/**
 * Mistakes at edges: the last number of a bound, the moment at which a time is over, the first of
 * something in a life, what is left behind. Small tests must see them.
 */
import type { Mutant } from './mutant.ts'

/** A mutant that a test of its package catches. */
function mutant(
  name: string,
  file: string,
  [from, to]: readonly [from: string, to: string],
  test: string,
): Mutant {
  return { name, file, from, to, caughtBy: [{ type: 'tests', file: test }] }
}

const CORE = 'packages/core/src'
const REPLICA = 'packages/replica/src'
const APPEND = 'packages/adapter-kit/src/stores/append'
const SQLITE = 'packages/durability-sqlite/src'
const DATAGRAMS = 'packages/adapter-kit/src/datagrams'
const GRPC = 'packages/transport-grpc/src'
const MEMORY = 'packages/transport-memory/src'

export const EDGE_MUTANTS: readonly Mutant[] = [
  mutant(
    'core: ids are ordered by UTF-16 units, and not as their bytes on the wire',
    `${CORE}/ballot.ts`,
    [
      'return (a.codePointAt(index) ?? -1) - (b.codePointAt(index) ?? -1)',
      'return (a.charCodeAt(index) || -1) - (b.charCodeAt(index) || -1)',
    ],
    'ballot.test.ts',
  ),
  mutant(
    'core: a round at the ceiling is believed',
    `${CORE}/rounds.ts`,
    ['return number < this.#ceiling', 'return number <= this.#ceiling'],
    'rounds.test.ts',
  ),
  mutant(
    'core: what is believed rises with every message, not with time',
    `${CORE}/rounds.ts`,
    ['>= CEILING_INTERVAL_MS', '>= 0'],
    'rounds.test.ts',
  ),
  mutant(
    'core: who follows a leader that knows what is chosen does not ask for it',
    `${CORE}/leadership.ts`,
    ['    if (message.chosen) effects.push(this.node.learn(from))\n', ''],
    'external.test.ts',
  ),
  mutant(
    'core: a proposal is handed to a leader once, and never again',
    `${CORE}/leadership.ts`,
    ['this.#forwardAtMs = this.#nowMs + this.#forwardIntervalMs', 'this.#forwardAtMs = Infinity'],
    'functional.test.ts',
  ),
  mutant(
    'practical: what is retransmitted goes to those as well that have answered',
    `${CORE}/practical/node.ts`,
    ['if (!answered.has(id)) step.send(id, message)', 'step.send(id, message)'],
    'practical/node.test.ts',
  ),
  mutant(
    'practical: a passive node that was preparing goes on',
    `${CORE}/practical/node.ts`,
    ['      if (!active) this.#resign(step)\n', ''],
    'practical/node.test.ts',
  ),
  mutant(
    'log: one more read may wait than is said',
    `${CORE}/multi/reads.ts`,
    ['if (this.ids.length >= MAX_WAITING_READS)', 'if (this.ids.length > MAX_WAITING_READS)'],
    'multi/reads.test.ts',
  ),
  mutant(
    'log: a page has no bound in entries',
    `${CORE}/multi/log.ts`,
    [
      'bytes + more > most || entries.length === MAX_BATCH_VALUES',
      'bytes + more > most || entries.length > MAX_BATCH_VALUES',
    ],
    'multi/log.test.ts',
  ),
  mutant(
    'log: the tail below a snapshot has no bound in bytes',
    `${CORE}/multi/log.ts`,
    [
      'cut < needed ? tailBytes : MAX_KEPT_LOG_BYTES',
      'cut < needed ? 2 ** 40 + tailBytes : MAX_KEPT_LOG_BYTES',
    ],
    'multi/catch-up.test.ts',
  ),
  mutant(
    'log: a read slot that is too far ahead is believed',
    `${CORE}/multi/guard.ts`,
    ["    'slot' in message ? message.slot : 0,\n", ''],
    'multi/guard.test.ts',
  ),
  mutant(
    'sessions: a table is taken in which a session was used before it was opened',
    `${CORE}/multi/sessions.ts`,
    ['if (usedAt < openedAt) throw', 'if (usedAt < 0) throw'],
    'multi/sessions.test.ts',
  ),
  mutant(
    'sessions: opening one again does not count as using it',
    `${CORE}/multi/sessions.ts`,
    ['      open.usedAt = slot\n', ''],
    'multi/sessions.test.ts',
  ),

  mutant(
    'replica: a listener that lost events is not told how many',
    `${REPLICA}/event-stream.ts`,
    ['    this.#lost += 1\n', '    this.#lost = 1\n'],
    'waiting.test.ts',
  ),
  mutant(
    'replica: who has an answer keeps its timer',
    `${REPLICA}/outcome.ts`,
    ['        cancelTimer?.()\n', ''],
    'replica.test.ts',
  ),
  mutant(
    'replica: a state that fits exactly is refused',
    `${REPLICA}/space.ts`,
    ['if (stateBytes + bytes > maxStateBytes)', 'if (stateBytes + bytes >= maxStateBytes)'],
    'space.test.ts',
  ),
  mutant(
    'replica: a snapshot that cannot be taken is tried after every entry',
    `${REPLICA}/applier.ts`,
    ['Math.min(this.#failures + 1, MAX_SNAPSHOT_BACKOFFS)', '0'],
    'space.test.ts',
  ),
  mutant(
    'replica: one read may be asked for again after its answer',
    `${REPLICA}/reads.ts`,
    ['    this.#asked.delete(id)\n    if (at.nowMs >= ', '    if (at.nowMs >= '],
    'room.test.ts',
  ),
  mutant(
    'replica: nobody’s read that failed is asked for again',
    `${REPLICA}/reads.ts`,
    ['if (read.isAwaited) this.add(read)', 'this.add(read)'],
    'room.test.ts',
  ),
  mutant(
    'replica: members that differed once differ for ever',
    `${REPLICA}/peer-book.ts`,
    [
      '    page.foreignAtMs = null\n    page.differedAtMs = null\n',
      '    page.foreignAtMs = null\n',
    ],
    'peers.test.ts',
  ),

  mutant(
    'stores: with one damaged mark, what was durable up to the other may be missing',
    `${APPEND}/log.ts`,
    ['const least = marks.includes(null) ? marked + 1 : marked', 'const least = marked'],
    'stores/append/damage.test.ts',
  ),
  mutant(
    'durability-sqlite: a piece that lies outside of its snapshot is taken',
    `${SQLITE}/load.ts`,
    ['if (start + piece.byteLength > (bytes?.byteLength ?? 0)) {', 'if (start < 0) {'],
    'damage.test.ts',
  ),
  mutant(
    'durability-sqlite: the pieces of an older snapshot stay behind a smaller one',
    `${SQLITE}/transaction.ts`,
    [
      "for (const table of ['snapshot_member', 'snapshot_piece', 'snapshot_configuration']) {",
      "for (const table of ['snapshot_member', 'snapshot_configuration']) {",
    ],
    'sqlite.test.ts',
  ),

  mutant(
    'datagrams: what is out of the window of replays is taken for new',
    `${DATAGRAMS}/replay-window.ts`,
    [
      'if (sequence <= highest - REPLAY_WINDOW) return false',
      'if (sequence <= highest - 2 * REPLAY_WINDOW) return false',
    ],
    'datagrams/replay-window.test.ts',
  ),
  mutant(
    'datagrams: a number that is far ahead leaves marks of earlier ones behind',
    `${DATAGRAMS}/replay-window.ts`,
    ['Math.min(to - from, words.length)', 'Math.min(to - from, 1)'],
    'datagrams/replay-window.test.ts',
  ),
  mutant(
    'datagrams: a fragment that says another size of its frame is taken',
    `${DATAGRAMS}/reassembly.ts`,
    ['partial.frameBytes !== frameBytes || partial.count !== count', 'partial.count !== count'],
    'datagrams/reassembly.test.ts',
  ),
  mutant(
    'datagrams: what was saved while idle leaves in one burst',
    `${DATAGRAMS}/pace.ts`,
    [
      'Math.min(BURST_BYTES, budget + (nowMs - filledAtMs) * BURST_BYTES)',
      'budget + (nowMs - filledAtMs) * BURST_BYTES',
    ],
    'datagrams/outbox.test.ts',
  ),
  mutant(
    'datagrams: the rest of a frame is sent of which a part failed',
    `${DATAGRAMS}/outbox.ts`,
    ['      if (isGivenUp) current = null\n', ''],
    'datagrams/outbox.test.ts',
  ),
  mutant(
    'transport-grpc: frames of HTTP/2 are counted in a life, and not in a time',
    `${GRPC}/frame-guard.ts`,
    [
      '      windowEndsMs = nowMs + CONTROL_WINDOW_MS\n      frames = 0\n',
      '      windowEndsMs = nowMs + CONTROL_WINDOW_MS\n',
    ],
    'frame-guard.test.ts',
  ),
  mutant(
    'transport-grpc: a header of HTTP/2 that comes in two pieces is read wrongly',
    `${GRPC}/frame-guard.ts`,
    [
      'chunk.copy(header, headerBytes, 0, HEADER_BYTES - headerBytes)',
      'chunk.copy(header, 0, 0, HEADER_BYTES - headerBytes)',
    ],
    'frame-guard.test.ts',
  ),
  mutant(
    'transport-memory: a frame may overtake one more than its share',
    `${MEMORY}/link.ts`,
    ['Math.ceil(overtake * link.flights.length)', 'Math.floor(overtake * link.flights.length)'],
    'faults.test.ts',
  ),
]
