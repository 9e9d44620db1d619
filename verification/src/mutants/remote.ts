/**
 * Mistakes between a replica and a process that is no member: a command that is made twice, a stranger who
 * is let in, a client that costs more than it may.
 */
import type { Mutant } from './mutant.ts'

/** A mutant that tests of the package catch. */
function mutant(
  name: string,
  file: string,
  [from, to]: readonly [from: string, to: string],
  ...[first, ...others]: readonly [string, ...string[]]
): Mutant {
  const tests = others.map((each) => ({ type: 'tests', file: each }) as const)
  const path = `packages/remote/src/${file}`
  return { name, file: path, from, to, caughtBy: [{ type: 'tests', file: first }, ...tests] }
}

export const REMOTE_MUTANTS: readonly Mutant[] = [
  mutant(
    'remote: a command that is asked again is another command',
    'remote-replica.ts',
    [
      'else this.#waiting = new Set([...requests, ...this.#waiting])',
      'else for (const each of requests) this.#unplaced.add(Object.assign(each, { ticket: null }))',
    ],
    'client.test.ts',
    'lost.test.ts',
  ),
  mutant(
    'remote: a command that was given up is waited for by those behind it, for ever',
    'remote-replica.ts',
    ['    if (session !== null && ticket !== null) session.answered(ticket.sequence)\n', ''],
    'traffic.test.ts',
  ),
  mutant(
    'remote: a machine that was suspended goes on with a session that has expired',
    'remote-replica.ts',
    [
      'Math.max(nowMs - own.usedAtMs, wallMs - this.#ownUsedAtWallMs)',
      'nowMs - own.usedAtMs + 0 * wallMs',
    ],
    'client.test.ts',
  ),
  mutant(
    'remote: an acknowledgement of what comes later is understood',
    'frames.ts',
    [
      "      if (acknowledged > sequence) throw malformed('an acknowledgement of what comes later')\n",
      '',
    ],
    'frames.test.ts',
  ),
  mutant(
    'remote: whoever shows no token of ours is let in',
    'doorkeeper.ts',
    ['if (timingSafeEqual(hash, shown))', 'if (!timingSafeEqual(hash, shown))'],
    'doors.test.ts',
  ),
  mutant(
    'remote: a page in a browser is let in',
    'doorkeeper.ts',
    ['    if (request.headers.origin !== undefined) return 403\n', ''],
    'doors.test.ts',
  ),
  mutant(
    'remote: a hook that throws lets in',
    'doorkeeper.ts',
    [
      "return typeof found === 'string' ? found : 401",
      "return typeof found === 'string' ? found : named",
    ],
    'doors.test.ts',
  ),
  mutant(
    'remote: tokens in plain text are safe where others can reach the server',
    'serve-options.ts',
    ['(hasTls && asks)', '(hasTls || asks)'],
    'doors.test.ts',
  ),
  mutant(
    'remote: a client shows its token wherever a server says that the leader is',
    'links.ts',
    [' || !addresses.includes(address)', ''],
    'client.test.ts',
  ),
  mutant(
    'remote: two servers that point at each other are followed to and fro',
    'links.ts',
    ['    if (clock.nowMs() - this.#movedAtMs < heartbeatMs) return\n', ''],
    'client.test.ts',
  ),
  mutant(
    'remote: whoever is not there is dialled again at once, and again',
    'links.ts',
    ['return longestMs * (1 - random() / 2)', 'return longestMs * 0 * random()'],
    'client.test.ts',
  ),
  mutant(
    'remote: a server that is silent is waited for as long as TCP does',
    'link.ts',
    ['this.#missed > MISSED_HEARTBEATS', 'this.#missed > 100 * MISSED_HEARTBEATS'],
    'client.test.ts',
  ),
  mutant(
    'remote: answers that a client does not take are kept, however many',
    'guest.ts',
    ['own > MAX_UNSENT_BYTES || ', 'own < 0 || '],
    'traffic.test.ts',
  ),
  mutant(
    'remote: who reads slowly is told of each change of the state',
    'guest.ts',
    [
      'this.#isAppliedUntold = this.unsentBytes > UNSENT_BYTES_TO_WAIT',
      'this.#isAppliedUntold = false',
    ],
    'traffic.test.ts',
  ),
]
