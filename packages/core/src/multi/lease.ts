/**
 * The lease of a leader: while it holds, no other leader can have anything chosen, so that it answers
 * linearizable reads from what it knows to be chosen, without a message (Gray and Cheriton: Leases,
 * 1989; Paxos Made Live, 2007, §5.2).
 *
 * The rule. A configuration says for how long a word is given, D, and by how much a clock may run
 * wrong, r.
 *
 * 1. An acceptor that follows ballot b may give its word, in the answer to a heartbeat: for D on its
 *    own clock it promises no ballot in phase 1 but those of the node that leads with b. It gives one
 *    only when just the configuration by which it is asked is the newest that it knows, and on its
 *    disk; and one at a time.
 * 2. After a restart it promises nothing for the D of the newest configuration on its disk, for it does
 *    not know to whom it had given its word. So the word need not be on disk: that it may have been
 *    given is. Where that configuration came behind the one by which it was given, the word counts no
 *    more: it was chosen only after the lease had ended, by 4 or by what follows.
 * 3. The leader counts a word from when it had *sent* the heartbeat, and for D (1 - r) / (1 + r) on its
 *    clock. It holds the lease while the words of a phase 2 quorum last.
 * 4. It gives the lease up before it proposes a members entry, and takes none until what governs behind
 *    that is open; and before it asks another node to take over, for good at this ballot: whom it asks
 *    may show that to the acceptors, and need not wait for their words to end.
 *
 * Why that is enough. Whoever has something chosen behind what this leader knows has the promises of a
 * phase 1 quorum of the same configuration, or has followed a members entry that this leader has
 * proposed, which is ruled out by 4. That quorum meets the phase 2 quorum of the lease in an acceptor
 * whose word, by 1 and 2, had ended on its clock; by 3 the lease had ended before. That an acceptor
 * accepts at another ballot proves nothing to it, for that may be of an older configuration: its word
 * goes on. The leader itself gives no word: a promise of its own ends its leadership, and the lease.
 *
 * It rests on nothing else than that clocks run with a rate between 1 - r and 1 + r while a lease lasts:
 * not on what they show. It must never be counted by a clock that stood still.
 */
import { sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { Saved, Slot } from '../durability.ts'
import type { Configuration, LeaseRule } from './configuration.ts'
import type { Electorate } from './electorate.ts'
import type { Confirmation } from './reads.ts'
import type { LogPrepareMessage } from './messages.ts'
import type { Settings } from './options.ts'

/** What a heartbeat asks for. */
export interface LeaseQuestion {
  readonly leaseAt: number
  readonly leaseMs: number
  readonly version?: Slot
}

/** What an acceptor has given. */
interface Word {
  /** `null`: to somebody before this node started. */
  readonly ballot: Ballot | null
  readonly untilMs: number
}

/** The words of one acceptor. Before start() it gives none, and keeps those that it may have given. */
export class Words {
  /** What it may have given before this run lasts for so long from its start. */
  readonly #boundMs: number
  #hasStarted = false
  #word: Word | null = null

  /**
   * `rule` is of the newest configuration on the disk. Who had promised anything may have given its
   * word, whoever the promise names: what is chosen raises it too.
   */
  constructor({ promised }: Pick<Saved, 'promised'>, rule: LeaseRule | undefined) {
    this.#boundMs = promised === null ? 0 : (rule?.durationMs ?? 0)
    if (this.#boundMs > 0) this.#word = { ballot: null, untilMs: Infinity }
  }

  /** The node has a clock from now on. */
  start(nowMs: number): void {
    this.#hasStarted = true
    if (this.#boundMs > 0) this.#word = { ballot: null, untilMs: nowMs + this.#boundMs }
  }

  /** Until when nothing is promised but to who has this node's word; `null` when it has none. */
  endsAtMs(nowMs: number): number | null {
    return this.#word !== null && nowMs < this.#word.untilMs ? this.#word.untilMs : null
  }

  /**
   * Gives this node's word to who leads with `ballot`, which is promised durably, where `rule` is
   * durable here too. Says whether it did.
   */
  give(ballot: Ballot, leaseMs: number, rule: LeaseRule, nowMs: number): boolean {
    if (!this.#hasStarted || leaseMs > rule.durationMs) return false
    const isFree = this.endsAtMs(nowMs) === null || this.#word?.ballot?.node === ballot.node
    if (!isFree) return false
    const untilMs = Math.max(this.#word?.untilMs ?? 0, nowMs + leaseMs)
    this.#word = { ballot, untilMs }
    return true
  }

  /**
   * Whether this node may promise what `from` asks for. The leader that has its word has ended its
   * lease when it prepares another ballot, and when it has asked somebody to take over: then the
   * word counts no more.
   */
  allow(from: NodeId, { ballot, released }: Asked, nowMs: number): boolean {
    if (this.endsAtMs(nowMs) === null) return true
    const given = this.#word?.ballot ?? null
    if (given === null) return false
    if (sameBallot(given, ballot)) return true
    if (from !== given.node && !sameBallot(given, released ?? null)) return false
    this.#word = null
    return true
  }

  /** The same for an attempt of this node, which the one that leads with `released` may have asked for. */
  allowOwn(released: Ballot | undefined, nowMs: number): boolean {
    const given = this.#word?.ballot ?? null
    // To whom it was given before this node started nobody knows: nobody can have released it.
    const isReleased = given !== null && sameBallot(given, released ?? null)
    if (this.endsAtMs(nowMs) !== null && !isReleased) return false
    this.#word = null
    return true
  }
}

type Asked = Pick<LogPrepareMessage, 'ballot' | 'released'>

/** The lease of one leadership. */
export class Lease {
  readonly #id: NodeId
  /** Until when the word of each acceptor lasts, on this node's clock. */
  readonly #words = new Map<NodeId, { readonly incarnation: string; readonly untilMs: number }>()
  #untilMs = -Infinity
  /** Words that were asked for before this count for nothing. */
  #sinceMs = -Infinity
  #isGivenUp = false

  constructor({ id }: Pick<Settings, 'id'>) {
    this.#id = id
  }

  /** What a heartbeat asks for that is sent now; nothing when the lease is given up. */
  question({ lease, version }: Configuration, nowMs: number): LeaseQuestion | null {
    if (this.#isGivenUp || lease === undefined) return null
    const asked = { leaseAt: Math.floor(nowMs), leaseMs: lease.durationMs }
    return version > 0 ? { ...asked, version } : asked
  }

  /** An acceptor has given its word, in the answer to a heartbeat that was sent at `leaseAt`. */
  receive(
    { from, incarnation }: Confirmation,
    leaseAt: number,
    { configuration }: Electorate,
    nowMs: number,
  ): void {
    const { lease } = configuration
    if (lease === undefined || leaseAt > nowMs || leaseAt < this.#sinceMs) return
    const untilMs = leaseAt + usableMs(lease)
    const before = this.#words.get(from)
    if (before?.incarnation === incarnation && before.untilMs >= untilMs) return
    this.#words.set(from, { incarnation, untilMs })
    this.#untilMs = -Infinity
  }

  /** Whether the lease holds at this moment. */
  holds(electorate: Electorate, incarnation: string, nowMs: number): boolean {
    if (this.#isGivenUp || electorate.configuration.lease === undefined) return false
    if (nowMs < this.#untilMs) return true
    this.#untilMs = this.#endsAtMs(electorate, incarnation, nowMs)
    return nowMs < this.#untilMs
  }

  /** Whether `id` has given its word, and it lasts. */
  hasWordOf(id: NodeId, nowMs: number): boolean {
    return nowMs < (this.#words.get(id)?.untilMs ?? -Infinity)
  }

  /**
   * What was given so far counts no more; what is asked for from now on does. For when others come to
   * vote, or this node's clock may have stood still.
   */
  forget(nowMs: number): void {
    this.#words.clear()
    this.#untilMs = -Infinity
    // What was asked for in this same millisecond may have left before.
    this.#sinceMs = Math.floor(nowMs) + 1
  }

  /** Whether there is none any more at this ballot. */
  get isGivenUp(): boolean {
    return this.#isGivenUp
  }

  /** There is none any more at this ballot. */
  giveUp(): void {
    this.#isGivenUp = true
  }

  /** The latest moment until which the words of a phase 2 quorum last, this node's besides. */
  #endsAtMs(electorate: Electorate, incarnation: string, nowMs: number): number {
    const lasting = [...this.#words].filter(([, { untilMs }]) => nowMs < untilMs)
    const ends = [...new Set(lasting.map(([, { untilMs }]) => untilMs)), Infinity]
    const isHeld = (end: number): boolean => {
      const votes = new Map([[this.#id, incarnation]])
      for (const [id, word] of lasting) if (word.untilMs >= end) votes.set(id, word.incarnation)
      return electorate.isPhase2Quorum(votes)
    }
    return ends.toSorted((a, b) => b - a).find(isHeld) ?? -Infinity
  }
}

/** For how long a word may be counted by who has asked for it. */
function usableMs({ durationMs, maxDriftPpm }: LeaseRule): number {
  const drift = maxDriftPpm / 1_000_000
  return (durationMs * (1 - drift)) / (1 + drift)
}
