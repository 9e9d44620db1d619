/**
 * The acceptor of `essential`, made fit for a disk and a network: it says what must be durable
 * before an answer leaves, refuses aloud, and repeats an answer that it has given. It must never
 * hand out an answer that rests on a save which is still running.
 */
import { compareBallots, highestBallot, sameBallot } from '../ballot.ts'
import type { Ballot } from '../ballot.ts'
import { FIRST_SLOT } from '../durability.ts'
import type { Change, Saved } from '../durability.ts'
import { invariant } from '../invariant.ts'
import type { AcceptMessage, Message, NackMessage, PrepareMessage, Proposal } from '../message.ts'

/** What an acceptor says, and what must be durable before it may. */
export interface Answer<V> {
  readonly message: Message<V>
  /** `null` when the message rests on nothing new: it may leave at once. */
  readonly change: Change<V> | null
}

/** Remembers, for the others, what has been promised and accepted. */
export class Acceptor<V> {
  #promised: Ballot | null
  #accepted: Proposal<V> | null
  #chosen: boolean
  #runningSaves = 0

  /** Takes up what stable storage holds: EMPTY_SAVED for a new acceptor. */
  constructor(saved: Saved<V>) {
    const entry = saved.accepted.find(({ slot }) => slot === FIRST_SLOT)
    this.#accepted = entry === undefined ? null : { ballot: entry.ballot, value: entry.value }
    this.#promised = highestBallot(saved.promised, this.#accepted?.ballot ?? null)
    this.#chosen = saved.chosenThrough >= FIRST_SLOT
    invariant(!this.#chosen || this.#accepted !== null, 'a value is chosen, but none is stored')
  }

  /** The highest ballot that was promised; its save may still be running. */
  get promised(): Ballot | null {
    return this.#promised
  }

  /** The highest-numbered proposal that was accepted; its save may still be running. */
  get accepted(): Proposal<V> | null {
    return this.#accepted
  }

  /** The accepted proposal, once it is known that its value is the chosen one. */
  get chosen(): Proposal<V> | null {
    return this.#chosen ? this.#accepted : null
  }

  /** Whether everything that this acceptor has decided is durable. */
  get settled(): boolean {
    return this.#runningSaves === 0
  }

  /**
   * Phase 1b, as in `essential`. A Prepare that was answered before is answered again without a
   * save, but not while a save is running: the first answer has not left yet, and it will.
   */
  receivePrepare({ ballot }: PrepareMessage): Answer<V> | null {
    const order = compareBallots(ballot, this.#promised)
    if (order < 0) return this.#refuse(ballot)
    const message: Message<V> = { type: 'promise', ballot, accepted: this.#accepted }
    if (order === 0) return this.settled ? { message, change: null } : null
    this.#promised = ballot
    return this.#afterSave(message, { promised: ballot })
  }

  /** Phase 2b, as in `essential`; duplicates as for receivePrepare. */
  receiveAccept({ ballot, value }: AcceptMessage<V>): Answer<V> | null {
    if (compareBallots(ballot, this.#promised) < 0) return this.#refuse(ballot)
    const message: Message<V> = { type: 'accepted', ballot, value }
    if (this.#accepted !== null && sameBallot(this.#accepted.ballot, ballot)) {
      return this.settled ? { message, change: null } : null
    }
    this.#promised = ballot
    this.#accepted = { ballot, value }
    const accepted = [{ slot: FIRST_SLOT, ballot, value }]
    return this.#afterSave(message, { promised: ballot, accepted })
  }

  /**
   * Records that `proposal` is chosen, so that a restarted node knows it without asking. An
   * acceptor that missed it takes it as accepted; nothing else can be chosen at or above its
   * ballot, so that reporting it in a promise misleads nobody. `null` when that is known already.
   */
  recordChosen(proposal: Proposal<V>): Change<V> | null {
    if (this.#chosen) return null
    this.#chosen = true
    this.#runningSaves += 1
    if (compareBallots(proposal.ballot, this.#accepted?.ballot ?? null) <= 0) {
      return { chosenThrough: FIRST_SLOT }
    }
    const promised = highestBallot(this.#promised, proposal.ballot) ?? proposal.ballot
    this.#promised = promised
    this.#accepted = proposal
    return { promised, accepted: [{ slot: FIRST_SLOT, ...proposal }], chosenThrough: FIRST_SLOT }
  }

  /** The oldest change that was handed out and not reported yet is durable. */
  saved(): void {
    invariant(this.#runningSaves > 0, 'a save was reported that was never asked for')
    this.#runningSaves -= 1
  }

  /**
   * A refusal may leave before the promise that it names is durable: it binds nobody, and only
   * spares the proposer a timeout.
   */
  #refuse(ballot: Ballot): Answer<V> {
    invariant(this.#promised !== null, 'a ballot was refused by an acceptor that promised nothing')
    const message: NackMessage = { type: 'nack', ballot, promised: this.#promised }
    return { message, change: null }
  }

  #afterSave(message: Message<V>, change: Change<V>): Answer<V> {
    this.#runningSaves += 1
    return { message, change }
  }
}
