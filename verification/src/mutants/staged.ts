/**
 * Mistakes about snapshots in pieces: from a state machine to the disk, to another node, and back. They
 * lose nothing as long as nothing goes wrong meanwhile, so each has a test in which it does.
 */
import type { Mutant, Tool } from './mutant.ts'

const CORE = 'packages/core/src/multi'
const REPLICA = 'packages/replica/src'
const APPEND = 'packages/adapter-kit/src/stores/append'

const BY_STAGED: readonly [Tool] = [{ type: 'tests', file: 'multi/staged.test.ts' }]
const BY_STREAMED: readonly [Tool] = [{ type: 'tests', file: 'streamed.test.ts' }]
const BY_PARTS: readonly [Tool] = [{ type: 'tests', file: 'streamed-parts.test.ts' }]
const BY_FILES: readonly [Tool] = [{ type: 'tests', file: 'stores/append/staged-files.test.ts' }]

export const STAGED_MUTANTS: readonly Mutant[] = [
  {
    name: 'staged: a snapshot of which pieces are missing is installed',
    file: `${CORE}/node.ts`,
    from: 'if (fetched?.isComplete !== true || !isWanted ||',
    to: 'if (fetched === null || !isWanted ||',
    caughtBy: BY_STAGED,
  },
  {
    name: 'staged: the next piece is asked for before the host keeps the last',
    file: `${CORE}/transfer.ts`,
    from: 'this.#isBusy = this.id !== null\n',
    to: 'this.#isBusy = false\n',
    caughtBy: BY_STAGED,
  },
  {
    name: 'staged: a snapshot is discarded that somebody fetches',
    file: `${CORE}/staged.ts`,
    from: 'new Set([...saved(), ...offered()].map(({ id }) => id))',
    to: 'new Set(saved().map(({ id }) => id))',
    caughtBy: BY_STAGED,
  },
  {
    name: 'staged: nobody is told of a transfer that is given up',
    file: `${CORE}/staged.ts`,
    from: "step.tell({ type: 'transfer-dropped', transfer })",
    to: 'void step',
    caughtBy: BY_STAGED,
  },
  {
    name: 'staged: who makes its state of a snapshot does not say that it still needs what is behind it',
    file: `${CORE}/catch-up.ts`,
    from: 'if (whole !== undefined) return this.#sayStill(step, whole, nowMs)',
    to: 'if (whole !== undefined) return',
    caughtBy: BY_STAGED,
  },
  {
    name: 'staged: what is behind a snapshot is forgotten while somebody makes its state of it',
    file: `${CORE}/provider.ts`,
    from: 'offset, untilMs: nowMs + SNAPSHOT_KEPT_FOR_MS })\n      return',
    to: 'offset, untilMs: nowMs })\n      return',
    caughtBy: [{ type: 'tests', file: 'multi/catch-up.test.ts' }],
  },
  {
    name: 'staged: sessions are written that cannot be read back',
    file: `${REPLICA}/replica-snapshot.ts`,
    from: 'if (bytes > MAX_SNAPSHOT_BYTES) throw tooLarge(bytes)',
    to: '',
    caughtBy: BY_PARTS,
    isSlow: true,
  },
  {
    name: 'staged: no snapshot is taken after one that another node has overtaken',
    file: `${REPLICA}/snapshots.ts`,
    from: 'if (id === this.#staged) this.saved()',
    to: 'void id',
    caughtBy: BY_PARTS,
  },
  {
    name: 'staged: what was held is applied before what was put back',
    file: `${REPLICA}/held.ts`,
    from: 'this.#events[(this.#given -= 1)] = event',
    to: 'this.#events.push(event)',
    caughtBy: BY_PARTS,
  },
  {
    name: 'staged: commands are applied while the state is replaced',
    file: `${REPLICA}/replica-node.ts`,
    from: 'if (this.#isHeld && this.#held.take(event)) return',
    to: '',
    caughtBy: BY_STREAMED,
  },
  {
    name: 'staged: reads are answered from half a state',
    file: `${REPLICA}/reads.ts`,
    from: 'return this.#isReadable()',
    to: 'return true',
    caughtBy: BY_STREAMED,
  },
  {
    name: 'staged: the state is replaced while a snapshot of it is read',
    file: `${REPLICA}/streamed-state.ts`,
    from: '      await this.#endTaking()\n',
    to: '',
    caughtBy: BY_STREAMED,
  },
  {
    name: 'staged: what was applied while a snapshot was read is forgotten where a command fails',
    file: `${REPLICA}/machine.ts`,
    from: 'this.#since = this.#since.filter(({ slot }) => slot > through)',
    to: 'this.#since = []',
    caughtBy: [...BY_STREAMED, { type: 'simulate', profile: 'swarm', seeds: 40 }],
  },
  {
    name: 'staged: a command before the failed one is applied twice',
    file: `${REPLICA}/machine.ts`,
    from: 'const count = each.slot < slot ? each.count : Math.min(each.count, before - each.index)',
    to: 'const { count } = each',
    caughtBy: BY_STREAMED,
  },
  {
    name: 'staged: the file of a snapshot that is read goes when another follows',
    file: `${APPEND}/staged-files.ts`,
    from: 'return !this.#kept.has(id)',
    to: 'return true',
    caughtBy: BY_FILES,
  },
  {
    name: 'staged: discarding removes the snapshot that the log refers to',
    file: `${APPEND}/staged-files.ts`,
    from: 'if (isKept && !this.#named.has(id)) await this.#remove(id)',
    to: 'if (isKept) await this.#remove(id)',
    caughtBy: [{ type: 'tests', file: 'stores/append/conformance.test.ts' }],
  },
  {
    name: 'staged: of bytes that lie in two pieces of a file only those in the first are read',
    file: `${APPEND}/staged-files.ts`,
    from: 'return others.length === 0 ? first',
    to: 'return others.length >= 0 ? first',
    caughtBy: [{ type: 'tests', file: 'stores/append/conformance.test.ts' }],
  },
]
