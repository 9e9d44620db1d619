/**
 * Gathers what one input leads to into one Effects record, with at most one save. It must keep
 * what a node tells itself off the network: such a message is kept here and handled by the engine,
 * at once or, when it rests on the save, once that is durable.
 */
import type { NodeId } from '../ballot.ts'
import type { Change } from '../durability.ts'
import type { Effects, Event, Outgoing } from '../effects.ts'
import type { Message } from '../message.ts'
import type { Answer } from './acceptor.ts'

/** The effects of one input while they are being gathered. */
export class Step<V> {
  readonly #id: NodeId
  readonly #send: Outgoing<V>[] = []
  readonly #then: Outgoing<V>[] = []
  readonly #events: Event<V>[] = []
  #change: Change<V> | null = null
  /** What the node tells itself now. The engine empties this before the step ends. */
  readonly own: Message<V>[] = []
  /** What the node tells itself once the save is durable. */
  readonly ownAfterSave: Message<V>[] = []
  /** How many of the acceptor's changes the save holds. */
  changes = 0

  constructor(id: NodeId) {
    this.#id = id
  }

  /** Sends at once; to 'all' means to this node too. */
  send(to: NodeId, message: Message<V>): void {
    if (to !== this.#id) this.#send.push({ to, message })
    if (to === this.#id || to === 'all') this.own.push(message)
  }

  /** Sends once everything that this step saves is durable. */
  sendAfterSave(to: NodeId, message: Message<V>): void {
    if (to !== this.#id) this.#then.push({ to, message })
    if (to === this.#id || to === 'all') this.ownAfterSave.push(message)
  }

  /** Saves `change` too; where two changes of a step set the same field, the later one counts. */
  save(change: Change<V>): void {
    this.#change = { ...this.#change, ...change }
    this.changes += 1
  }

  /** Sends an acceptor's answer at once, or after the save that it asks for. */
  answer(to: NodeId, answer: Answer<V>): void {
    if (answer.change === null) {
      this.send(to, answer.message)
    } else {
      this.save(answer.change)
      this.sendAfterSave(to, answer.message)
    }
  }

  tell(event: Event<V>): void {
    this.#events.push(event)
  }

  /** The finished record. A silent node saves and tells, but sends nothing. */
  effects(silent: boolean): Effects<V> {
    const send = silent ? [] : this.#send
    const events = this.#events
    if (this.#change === null) return { send, events }
    return { send, save: { change: this.#change, then: silent ? [] : this.#then }, events }
  }
}
