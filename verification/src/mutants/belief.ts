/**
 * Mistakes in what a node believes of its peers: rounds and slots that are far ahead, values that are
 * none, answers that nobody asked for. Honest nodes say none of this, so that neither the explorer
 * nor the simulator can see them.
 */
import type { Mutant, Tool } from './mutant.ts'

const CORE = 'packages/core/src'
const MULTI = `${CORE}/multi`

const BY_ROUNDS: readonly [Tool] = [{ type: 'tests', file: 'rounds.test.ts' }]
const BY_GUARD: readonly [Tool] = [{ type: 'tests', file: 'multi/guard.test.ts' }]

export const BELIEF_MUTANTS: readonly Mutant[] = [
  {
    name: 'belief: the ceiling never rises, and nodes that saw different rounds are parted for good',
    file: `${CORE}/rounds.ts`,
    from: '      this.#ceiling = this.#atMost(this.#ceiling + this.#step)\n',
    to: '',
    caughtBy: BY_ROUNDS,
  },
  {
    name: 'belief: the ceiling rises with every message, and a flood uses the rounds up',
    file: `${CORE}/rounds.ts`,
    from: 'if (isNear && nowMs - (this.#risenAtMs ?? -Infinity) >= CEILING_INTERVAL_MS) {',
    to: 'if (isNear) {',
    caughtBy: BY_ROUNDS,
  },
  {
    name: 'belief: the last rounds that there are come to be believed',
    file: `${CORE}/rounds.ts`,
    from: 'return Math.min(ceiling, MAX_ROUND + 1 - this.#step)',
    to: 'return Math.min(ceiling, MAX_ROUND + this.#step)',
    caughtBy: BY_ROUNDS,
  },
  {
    name: 'belief: the round of what a promise reports is not looked at',
    file: `${CORE}/rounds.ts`,
    from: "  if ('accepted' in message) add(message.accepted?.ballot)\n",
    to: '',
    caughtBy: BY_ROUNDS,
  },
  {
    name: 'belief: a leader is followed although its heartbeat is not believed',
    file: `${CORE}/leadership.ts`,
    from: '    if (isDisbelieved(received)) return { follows: false, effects: received }\n',
    to: '',
    caughtBy: BY_ROUNDS,
  },
  {
    name: 'belief: a node stands back for a candidate whom it does not believe',
    file: `${CORE}/functional.ts`,
    from: 'const rival = isHigher && !isDisbelieved(received)',
    to: 'const rival = isHigher',
    caughtBy: BY_ROUNDS,
  },
  {
    name: 'belief: an acceptor of a single decree accepts a value that is none',
    file: `${CORE}/practical/node.ts`,
    from: "return carried === null || this.#isValue(carried.value) ? null : 'value'",
    to: "return carried === null || carried.value !== undefined ? null : 'value'",
    caughtBy: [{ type: 'tests', file: 'practical/node.test.ts' }],
  },
  {
    name: 'belief: slots that are far ahead are believed',
    file: `${MULTI}/guard.ts`,
    from: "    if (!this.#slots.admits(highestSlot(message), nowMs)) return 'slot'\n",
    to: '',
    caughtBy: BY_GUARD,
  },
  {
    name: 'belief: a value that is none comes into the log',
    file: `${MULTI}/guard.ts`,
    from: "return this.#hasOnlyValues(message) ? null : 'value'",
    to: 'return null',
    caughtBy: [{ type: 'tests', file: 'multi/frames.test.ts' }],
  },
  {
    name: 'belief: a snapshot that is none is installed',
    file: `${MULTI}/node.ts`,
    from: 'const isOne = this.#settings.isSnapshot(bytes) && isConfiguration(configuration)',
    to: 'const isOne = fetched.snapshot.through > 0 || configuration === bytes',
    caughtBy: [{ type: 'tests', file: 'multi/frames.test.ts' }],
  },
  {
    name: 'belief: a page is taken that nobody asked for',
    file: `${MULTI}/catch-up.ts`,
    from: '    if (source?.asked !== page.from) return false\n',
    to: '    if (source === undefined) return false\n',
    caughtBy: BY_GUARD,
  },
  {
    name: 'belief: who sends a snapshot that nobody asked for is asked for more of it',
    file: `${MULTI}/catch-up.ts`,
    from: '    if (!isAnswer && source.asked === null) return false\n',
    to: '',
    caughtBy: BY_GUARD,
  },
  {
    name: 'belief: anybody may say at which slot to read',
    file: `${MULTI}/way.ts`,
    from: 'return this.#isAsked(from) && slot <= known + MAX_SLOTS_AHEAD',
    to: 'return slot <= known + MAX_SLOTS_AHEAD',
    caughtBy: BY_GUARD,
  },
  {
    name: 'belief: a read waits for a slot that the leader cannot have come to',
    file: `${MULTI}/way.ts`,
    from: 'return this.#isAsked(from) && slot <= known + MAX_SLOTS_AHEAD',
    to: 'return this.#isAsked(from) && known >= 0',
    caughtBy: BY_GUARD,
  },
  {
    name: 'belief: a leadership is handed over although its ballot is over',
    file: `${MULTI}/node.ts`,
    from: 'return sameBallot(ballot, followed) && compareBallots(ballot, promised) >= 0',
    to: 'return sameBallot(ballot, followed) || compareBallots(ballot, promised) < 0',
    caughtBy: BY_GUARD,
  },
  {
    name: 'belief: a snapshot names the members of the options, whatever the log says',
    file: `${MULTI}/members.ts`,
    from: '    this.#plain = members\n',
    to: '',
    caughtBy: BY_GUARD,
  },
]
