/**
 * Watches a cluster from outside: what its disks acknowledged, what it sends, what it applies and
 * what its clients are told. It must never believe what an engine says about itself.
 */
import { compareBallots, formatBallot } from '@paxos/core'
import type { Ballot, Change, Envelope, NodeId, Saved, Slot } from '@paxos/core'
import { Durable, keyOf } from './durable.ts'
import type { Command, Result } from './registers.ts'
import type { Report } from './violation.ts'

type Message = Envelope['message']
type MessageOf<Type extends Message['type']> = Extract<Message, { readonly type: Type }>

interface Chosen {
  readonly value: string
  /** The lowest ballot at which it is known to be. */
  readonly ballot: Ballot
}

interface AppliedSlot {
  readonly command: string
  readonly result: string
  /** The registers afterwards. */
  readonly state: string
}

/** Everything that is known of one cluster. */
export class Watcher {
  readonly #report: Report
  readonly #durable: ReadonlyMap<NodeId, Durable>
  readonly #majority: number
  readonly #chosen = new Map<Slot, Chosen>()
  #chosenThrough: Slot = 0
  /** By slot and ballot. */
  readonly #values = new Map<string, string>()
  readonly #holders = new Map<string, Set<NodeId>>()
  /** By ballot. */
  readonly #promisedBy = new Map<string, Set<NodeId>>()
  readonly #preparedIn = new Map<string, number>()
  readonly #bases = new Map<string, Slot>()
  readonly #ledBy = new Set<string>()
  readonly #promiseSent = new Map<NodeId, Ballot>()
  /** By node and ballot: the acceptances through this slot were looked at. */
  readonly #heldThrough = new Map<string, Slot>()
  readonly #snapshots = new Map<Slot, string>()
  readonly #issued = new Map<number, string>()
  readonly #applied = new Map<Slot, AppliedSlot>()
  readonly #slotOf = new Map<number, Slot>()
  readonly #lastApplied = new Map<string, Slot>()

  constructor(nodes: readonly NodeId[], report: Report) {
    this.#report = report
    this.#durable = new Map(nodes.map((id) => [id, new Durable(id, report)]))
    this.#majority = Math.floor(nodes.length / 2) + 1
  }

  /** A client is about to ask for a command. */
  issued(command: Command): void {
    this.#issued.set(command.id, JSON.stringify(command))
  }

  /** A disk was opened. */
  opened(id: NodeId, saved: Saved): void {
    const durable = this.#durableOf(id)
    durable.reopen(saved)
    for (const { slot, ballot, value } of saved.accepted) this.#held(id, slot, ballot, keyOf(value))
  }

  /** A disk has acknowledged a save. */
  saved(id: NodeId, change: Change): void {
    const durable = this.#durableOf(id)
    const knownBefore = durable.chosenThrough
    durable.apply(change, (slot, value) => this.#chosen.get(slot)?.value === value)
    for (const { slot, ballot, value } of change.accepted ?? []) {
      this.#held(id, slot, ballot, keyOf(value))
    }
    const first = Math.max(knownBefore, durable.snapshotThrough) + 1
    for (let slot = first; slot <= durable.chosenThrough; slot += 1) {
      this.#checkChosen(id, slot, durable.entries.get(slot)?.value ?? null)
    }
    const { snapshot } = change
    if (snapshot === undefined || snapshot.through === 0) return
    if (snapshot.through > this.#chosenThrough) {
      this.#report('agreement', id, `${id} has a snapshot of ${snapshot.through}, not yet chosen.`)
    }
    const bytes = keyOf(snapshot.bytes)
    const known = this.#snapshots.get(snapshot.through) ?? bytes
    this.#snapshots.set(snapshot.through, known)
    if (known === bytes) return
    this.#report('same-state', id, `${id} has another snapshot of slot ${snapshot.through}.`)
  }

  /** A frame is about to leave a node, in the life of that number. */
  sent(id: NodeId, life: number, message: Message): void {
    const { type } = message
    if (type === 'logPrepare') this.#sentPrepare(id, life, message)
    if (type === 'logPromise') this.#sentPromise(id, message)
    if (type === 'logAccept' || type === 'logHeartbeat') this.#sentAsLeader(id, message)
    if (type === 'logAccept') this.#sentAccept(id, message)
    if (type === 'logAccepted' || type === 'logHeartbeatAnswer') this.#sentAccepted(id, message)
    if (type !== 'fetched') return
    for (const { slot, value } of message.entries) this.#checkChosen(id, slot, keyOf(value))
  }

  /** A node has applied a command. `life` names its life. */
  applied(id: NodeId, life: string, slot: Slot, command: Command, result: Result, state: string) {
    const applied = {
      command: JSON.stringify(command),
      result: JSON.stringify(result),
      state,
    }
    if (slot > this.#chosenThrough) {
      this.#report('agreement', id, `${id} applies slot ${slot}, which is not chosen.`)
    }
    if (slot <= (this.#lastApplied.get(life) ?? 0)) {
      this.#report('applied-once', id, `${id} applies slot ${slot} out of order.`)
    }
    this.#lastApplied.set(life, slot)
    if (this.#issued.get(command.id) !== applied.command) {
      this.#report('validity', id, `${id} applies ${applied.command}, which nobody asked for.`)
    }
    const otherSlot = this.#slotOf.get(command.id) ?? slot
    this.#slotOf.set(command.id, otherSlot)
    if (otherSlot !== slot) {
      const problem = `${id} applies command ${command.id} in slot ${slot}, and in ${otherSlot}.`
      this.#report('applied-once', id, problem)
    }
    const known = this.#applied.get(slot)
    if (known === undefined) this.#applied.set(slot, applied)
    else if (known.command !== applied.command) {
      const problem = `${id} applies ${applied.command} in slot ${slot}, others ${known.command}.`
      this.#report('agreement', id, problem)
    } else if (known.result !== applied.result || known.state !== applied.state) {
      this.#report('same-state', id, `${id} is in another state after slot ${slot} than others.`)
    }
  }

  /** A client was told the result of a command. */
  acknowledged(command: number): void {
    const slot = this.#slotOf.get(command)
    const chosen = slot === undefined ? undefined : this.#chosen.get(slot)
    let holders = 0
    if (slot !== undefined && chosen !== undefined) {
      for (const durable of this.#durable.values()) {
        if (durable.holds(slot, chosen.value)) holders += 1
      }
    }
    if (holders >= this.#majority) return
    const problem = `A client has the result of command ${command}, which ${holders} disks hold.`
    this.#report('acknowledged-in-quorum', null, problem)
  }

  #durableOf(id: NodeId): Durable {
    const durable = this.#durable.get(id)
    if (durable === undefined) throw new Error(`There is no node ${id}.`)
    return durable
  }

  #held(id: NodeId, slot: Slot, ballot: Ballot, value: string): void {
    this.#checkOneValue(id, slot, ballot, value)
    const name = `${slot} ${formatBallot(ballot)}`
    let holders = this.#holders.get(name)
    if (holders === undefined) this.#holders.set(name, (holders = new Set()))
    holders.add(id)
    if (holders.size < this.#majority) return
    const chosen = this.#chosen.get(slot)
    if (chosen !== undefined && chosen.value !== value) {
      this.#report('agreement', id, `Two values are chosen in slot ${slot}.`)
    }
    if (chosen === undefined || compareBallots(ballot, chosen.ballot) < 0) {
      this.#chosen.set(slot, { value, ballot })
    }
    while (this.#chosen.has(this.#chosenThrough + 1)) this.#chosenThrough += 1
  }

  #sentPrepare(id: NodeId, life: number, { ballot }: MessageOf<'logPrepare'>): void {
    const name = formatBallot(ballot)
    if (ballot.node !== id || (this.#preparedIn.get(name) ?? life) !== life) {
      this.#report('ballot-ownership', id, `${id} prepares ${name}, which is not its own to use.`)
    }
    this.#preparedIn.set(name, life)
    if (compareBallots(this.#durableOf(id).promised, ballot) < 0) {
      this.#report('durable-before-sent', id, `${id} prepares ${name} before that is durable.`)
    }
  }

  #sentPromise(id: NodeId, message: MessageOf<'logPromise'>): void {
    const { ballot, from, entries, next, chosenThrough, compactedThrough } = message
    const name = formatBallot(ballot)
    const durable = this.#durableOf(id)
    if (compareBallots(durable.promised, ballot) < 0) {
      this.#report('durable-before-sent', id, `${id} promises ${name} before that is durable.`)
    }
    this.#checkNewest(id, ballot)
    this.#promiseSent.set(id, ballot)
    const told = new Map(entries.map((entry) => [entry.slot, entry]))
    for (const { slot, ballot: accepted } of entries) {
      const isDurable = this.#holders.get(`${slot} ${formatBallot(accepted)}`)?.has(id) === true
      if (isDurable) continue
      const problem = `${id} promises ${name} with slot ${slot}, which is not durable.`
      this.#report('durable-before-sent', id, problem)
    }
    // What was asked for is gone into a snapshot: the candidate has to fetch it, and ask again.
    if (compactedThrough >= from) return
    for (const [slot, held] of durable.entries) {
      const isAskedFor = slot >= from && (next === 0 || slot < next)
      // What is known to be chosen may be fetched; what it accepted later is not of this promise.
      const mayBeLeftOut =
        slot <= Math.max(chosenThrough, durable.chosenThrough) ||
        compareBallots(held.ballot, ballot) >= 0
      if (!isAskedFor || mayBeLeftOut) continue
      if (compareBallots(told.get(slot)?.ballot ?? null, held.ballot) >= 0) continue
      this.#report('promise-kept', id, `${id} promises ${name} and hides slot ${slot}.`)
    }
    if (next > 0) return
    const promisedBy = this.#promisedBy.get(name) ?? new Set()
    this.#promisedBy.set(name, promisedBy.add(id))
  }

  #sentAsLeader(id: NodeId, message: MessageOf<'logAccept' | 'logHeartbeat'>): void {
    const { ballot, base, chosenThrough } = message
    const name = formatBallot(ballot)
    if (!this.#ledBy.has(name)) {
      this.#ledBy.add(name)
      const promisedBy = new Set(this.#promisedBy.get(name))
      if (compareBallots(this.#durableOf(id).promised, ballot) >= 0) promisedBy.add(id)
      if (ballot.node !== id || promisedBy.size < this.#majority) {
        this.#report('ballot-ownership', id, `${id} leads with ${name} without a quorum.`)
      }
    }
    const known = this.#bases.get(name) ?? base
    this.#bases.set(name, known)
    if (known !== base) this.#report('ballot-ownership', id, `${id} changes the base of ${name}.`)
    if (chosenThrough <= this.#chosenThrough) return
    this.#report('agreement', id, `${id} says that ${chosenThrough} is chosen, which it is not.`)
  }

  #sentAccept(id: NodeId, { ballot, first, values }: MessageOf<'logAccept'>): void {
    for (const [index, value] of values.entries()) {
      const slot = first + index
      const key = keyOf(value)
      this.#checkOneValue(id, slot, ballot, key)
      const chosen = this.#chosen.get(slot)
      if (chosen === undefined || compareBallots(ballot, chosen.ballot) <= 0) continue
      if (chosen.value === key) continue
      const problem = `${id} proposes another value in slot ${slot} than the chosen one.`
      this.#report('one-value-a-ballot', id, problem)
    }
  }

  #sentAccepted(id: NodeId, message: MessageOf<'logAccepted' | 'logHeartbeatAnswer'>): void {
    const { ballot, through } = message
    const name = formatBallot(ballot)
    this.#checkNewest(id, ballot)
    const key = `${id} ${name}`
    let slot = (this.#heldThrough.get(key) ?? (this.#bases.get(name) ?? 1) - 1) + 1
    for (; slot <= through; slot += 1) {
      const isHeld = this.#holders.get(`${slot} ${name}`)?.has(id) === true
      if (isHeld || this.#chosen.has(slot)) continue
      const problem = `${id} says that it holds slot ${slot} at ${name} before that is durable.`
      return this.#report('durable-before-sent', id, problem)
    }
    this.#heldThrough.set(key, Math.max(through, this.#heldThrough.get(key) ?? 0))
  }

  #checkNewest(id: NodeId, ballot: Ballot): void {
    const sent = this.#promiseSent.get(id) ?? null
    if (compareBallots(ballot, sent) >= 0) return
    const problem = `${id} serves ${formatBallot(ballot)} after it promised ${formatBallot(sent)}.`
    this.#report('promise-kept', id, problem)
  }

  #checkOneValue(id: NodeId, slot: Slot, ballot: Ballot, value: string): void {
    const name = `${slot} ${formatBallot(ballot)}`
    const known = this.#values.get(name)
    if (known === undefined) this.#values.set(name, value)
    else if (known !== value) {
      const problem = `In slot ${slot} there are two values at ballot ${formatBallot(ballot)}.`
      this.#report('one-value-a-ballot', id, problem)
    }
  }

  #checkChosen(id: NodeId, slot: Slot, value: string | null): void {
    const chosen = this.#chosen.get(slot)
    if (chosen !== undefined && chosen.value === value) return
    const why = chosen === undefined ? 'which it is not' : 'with another value'
    this.#report('agreement', id, `${id} takes slot ${slot} for chosen, ${why}.`)
  }
}
