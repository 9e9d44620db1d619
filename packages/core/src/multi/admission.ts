/**
 * Whether this node may vote. What a node has promised and accepted is on its disk; a disk that was
 * lost, or a new one in its place, must not vote as if there had been nothing. So each state has an
 * incarnation, and votes count for the one that the configuration names.
 *
 * The configuration with which a cluster starts names none. Under such a one a new state votes only
 * when every other voter says that it had not voted before it heard of just this incarnation. Why
 * that is enough: a vote of an earlier incarnation went to a candidate, and a candidate promises its
 * own ballot, durably, before it asks for votes. It is one of the others, and would say so; or this
 * node was that candidate, and one of the others had promised for it to lead. Where it could lead
 * without any of them nobody knows what it proposed, and no answer lets it in. Fewer answers are
 * not enough: were one candidate not asked, a vote of the earlier incarnation could still be on its
 * way to it, and count there beside votes of others that had not voted when they were asked. (One
 * disk may be lost at a time until incarnations are named; from then on, any.)
 *
 * A state that was let in remembers it: `admitted` is durable with its first vote. It must never let
 * in a state on the word of an answer to another incarnation.
 */
import type { NodeId } from '../ballot.ts'
import type { Electorate } from './electorate.ts'
import type { IntroductionAnswerMessage } from './messages.ts'
import type { Settings } from './options.ts'

/** What a node is in the newest configuration that it knows. */
export type Standing =
  /** Its votes count. */
  | 'voter'
  /** It follows. */
  | 'learner'
  /** It is new, and has to be let in: see `waitsFor`. */
  | 'waiting'
  /** Another incarnation of it votes: this state is not the one that promised. */
  | 'replaced'
  /** It was a member, and is none any more. */
  | 'removed'
  /** It is no member, as far as it knows. */
  | 'none'

/** Lets one node in, or not. */
export class Admission {
  readonly #id: NodeId
  readonly #incarnation: string
  #isAdmitted: boolean
  #wasMember = false
  /** Who has answered that it had not voted. */
  readonly #answeredBy = new Set<NodeId>()
  /** By who was heard before this node voted: as which incarnation. */
  readonly #heardBefore = new Map<NodeId, string>()

  constructor({ id, incarnation, saved, trustEmptyState }: Settings) {
    this.#id = id
    this.#incarnation = incarnation
    this.#isAdmitted = (saved.admitted ?? saved.promised !== null) || trustEmptyState
  }

  /** Whether anything is to be asked at all: an engine without an incarnation is its host's affair. */
  get #isAsked(): boolean {
    return this.#incarnation !== ''
  }

  /** Whether this state may vote where no incarnation is named. */
  get isAdmitted(): boolean {
    return this.#isAdmitted
  }

  standing(electorate: Electorate): Standing {
    const member = electorate.member(this.#id)
    if (!electorate.isVoter(this.#id)) {
      if (member !== null || !this.#isAsked) return 'learner'
      const { former } = electorate.configuration
      const hasLeft = this.#wasMember || former.some(({ id }) => id === this.#id)
      return hasLeft ? 'removed' : 'none'
    }
    if (!this.#isAsked) return 'voter'
    const named = member?.incarnation ?? null
    if (named !== null) return named === this.#incarnation ? 'voter' : 'replaced'
    return this.#isAdmitted || this.#isAlone(electorate) ? 'voter' : 'waiting'
  }

  /**
   * Whether to vote for whoever asks. A voter that was removed goes on to: who does not know of the
   * change yet may need it to learn of it.
   */
  votes(electorate: Electorate): boolean {
    const standing = this.standing(electorate)
    if (!this.#isAsked || standing === 'voter') return true
    return this.#isAdmitted && standing !== 'replaced' && standing !== 'waiting'
  }

  /** Takes note of a configuration. Says whether this node is let in by it. */
  see(electorate: Electorate): boolean {
    const member = electorate.member(this.#id)
    this.#wasMember ||= member !== null && electorate.version > 0
    if (this.#isAdmitted || !this.#isAsked || this.standing(electorate) !== 'voter') return false
    this.#isAdmitted = true
    return true
  }

  /** Who has still to answer before this new node votes; nobody when it need not ask. */
  waitsFor(electorate: Electorate): readonly NodeId[] {
    if (this.standing(electorate) !== 'waiting') return []
    const others = [...electorate.quorums.acceptors].filter((id) => id !== this.#id)
    return others.filter((id) => !this.#answeredBy.has(id))
  }

  /** An answer came. Says whether this node is let in by it. */
  receiveAnswer(
    from: NodeId,
    { to, hadVoted }: IntroductionAnswerMessage,
    electorate: Electorate,
  ): boolean {
    if (to !== this.#incarnation || this.standing(electorate) !== 'waiting') return false
    if (hadVoted) this.#answeredBy.delete(from)
    else this.#answeredBy.add(from)
    // In a log that has changed its members, only those name who votes.
    if (electorate.version > 0 || this.waitsFor(electorate).length > 0) return false
    // It may have led with nobody's promise, and there is nobody who would know.
    if (electorate.quorums.isPhase1Quorum(new Set([this.#id]))) return false
    this.#isAdmitted = true
    return true
  }

  /** That incarnation of `from` has said something. */
  hear(from: NodeId, incarnation: string, hasVoted: boolean): void {
    if (!hasVoted) this.#heardBefore.set(from, incarnation)
  }

  /** Whether this node had voted before it heard of that incarnation of `from`. */
  hadVoted(from: NodeId, incarnation: string, hasVoted: boolean): boolean {
    return hasVoted && this.#heardBefore.get(from) !== incarnation
  }

  #isAlone({ quorums }: Electorate): boolean {
    return quorums.acceptors.size === 1 && quorums.acceptors.has(this.#id)
  }
}
