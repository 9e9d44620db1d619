/**
 * What must hold after every step of every run, checked from outside: on the disks, the messages
 * and the events, never on an engine's own idea of itself. A check that does not hold throws.
 */
import {
  compareBallots,
  formatBallot,
  sameBallot,
  type AcceptMessage,
  type Ballot,
  type Effects,
  type Event,
  type Message,
  type NodeId,
  type Outgoing,
  type Proposal,
  type QuorumSystem,
  type Saved,
} from '@paxos/core'
import { showMessage, showValue } from './trace.ts'

/** A ballot that a node leads with, or none. */
type Held = Ballot | null

const LEADERS_ONLY: ReadonlySet<string> = new Set(['accept', 'heartbeat', 'proclamation'])

/** Watches one cluster. */
export class Safety<V> {
  readonly #quorums: QuorumSystem
  readonly #proposed = new Set<string>()
  /** By ballot: the value that was proposed at it, by anybody, ever. */
  readonly #values = new Map<string, string>()
  /** By ballot: which life of its node prepared it. */
  readonly #preparedIn = new Map<string, number>()
  /** By ballot: whose disks have held an acceptance at it. */
  readonly #acceptedBy = new Map<string, { ballot: Ballot; value: string; nodes: Set<NodeId> }>()
  /** By node: the newest promise that left it. */
  readonly #promiseSent = new Map<NodeId, Ballot>()
  /** By ballot: whose promise of it has left. */
  readonly #promisedBy = new Map<string, Set<NodeId>>()
  readonly #lives = new Map<NodeId, number>()
  /** By node, in its present life: the ballot that it leads with, and whether it told a value. */
  readonly #leadsWith = new Map<NodeId, Ballot>()
  readonly #hasTold = new Set<NodeId>()
  #chosen: { ballot: Ballot; value: string } | null = null

  constructor(quorums: QuorumSystem) {
    this.#quorums = quorums
  }

  /** The value that a quorum of disks has accepted at one ballot, as `showValue` shows it. */
  get chosen(): string | null {
    return this.#chosen?.value ?? null
  }

  /** A node begins a life; `saved` is what it knows from disk. */
  started(id: NodeId, saved: Saved<V>): void {
    this.#lives.set(id, (this.#lives.get(id) ?? 0) + 1)
    this.#leadsWith.delete(id)
    this.#hasTold.delete(id)
    if (saved.chosenThrough > 0) this.#hasTold.add(id)
  }

  /** The application proposes a value. */
  proposed(value: V): void {
    this.#proposed.add(showValue(value))
  }

  /** A save became durable. */
  saved(id: NodeId, before: Saved<V>, after: Saved<V>): void {
    const [old, now] = [before.accepted[0] ?? null, after.accepted[0] ?? null]
    check(compareBallots(after.promised, before.promised) >= 0, `${id} takes back a promise`)
    check(after.chosenThrough >= before.chosenThrough, `${id} forgets that a value is chosen`)
    if (now === null || sameBallot(now.ballot, old?.ballot ?? null)) return
    check(compareBallots(now.ballot, old?.ballot ?? null) > 0, `${id} takes back an acceptance`)
    check(
      after.chosenThrough > 0 || compareBallots(now.ballot, before.promised) >= 0,
      `${id} accepts ${formatBallot(now.ballot)} below its promise`,
    )
    this.#countAcceptance(id, now.ballot, showValue(now.value))
  }

  /** What a node, whose disk holds `disk`, is told to do now. */
  stepped(id: NodeId, { send, events }: Effects<V>, disk: Saved<V>): void {
    // One step may propose and learn that it is refused: it led when it proposed.
    const led = [this.#leadsWith.get(id) ?? null]
    for (const event of events) {
      this.#told(id, event, disk)
      if (event.type === 'leadership-acquired') led.push(event.ballot)
    }
    for (const each of send) this.#sent(id, each, disk, led)
  }

  /** A message that waited for a save leaves; the save is in `disk`. */
  released(id: NodeId, outgoing: Outgoing<V>, disk: Saved<V>): void {
    this.#sent(id, outgoing, disk, [this.#leadsWith.get(id) ?? null])
  }

  /** What a node says it knows. */
  knows(id: NodeId, chosen: Proposal<V> | null): void {
    if (chosen !== null) this.#checkChosen(id, chosen)
  }

  #told(id: NodeId, event: Event<V>, disk: Saved<V>): void {
    if (event.type === 'chosen') {
      check(!this.#hasTold.has(id), `${id} tells a chosen value twice`)
      this.#hasTold.add(id)
      this.#checkChosen(id, event)
    } else if (event.type === 'leadership-acquired') {
      check(!this.#leadsWith.has(id), `${id} acquires a leadership that it has`)
      check(event.ballot.node === id, `${id} leads with the ballot of another`)
      this.#checkPromises(id, event.ballot, disk)
      this.#leadsWith.set(id, event.ballot)
    } else if (event.type === 'leadership-lost') {
      const ballot = this.#leadsWith.get(id) ?? null
      check(sameBallot(ballot, event.ballot), `${id} loses a leadership that it did not have`)
      this.#leadsWith.delete(id)
    }
  }

  #sent(from: NodeId, { to, message }: Outgoing<V>, disk: Saved<V>, led: readonly Held[]): void {
    const what = `${from} sends ${showMessage(message)}`
    check(to !== from, `${what} to itself`)
    this.#checkRestsOnDisk(what, message, disk)
    this.#checkMayBeSaid(what, from, message)
    if (message.type === 'accept') this.#checkProposal(what, message)
    if (LEADERS_ONLY.has(message.type) && 'ballot' in message) {
      const leads = led.some((ballot) => sameBallot(ballot, message.ballot))
      check(leads, `${what} but does not lead with it`)
    }
  }

  #checkRestsOnDisk(what: string, message: Message<V>, disk: Saved<V>): void {
    const accepted = disk.accepted[0] ?? null
    if (message.type === 'prepare' || message.type === 'promise') {
      const durable = compareBallots(disk.promised, message.ballot) >= 0
      check(durable, `${what} before its promise is durable`)
    }
    if (message.type === 'promise') {
      const same = sameBallot(message.accepted?.ballot ?? null, accepted?.ballot ?? null)
      check(same, `${what}, but the disk holds another acceptance`)
    }
    if (message.type === 'accepted') {
      const durable = compareBallots(accepted?.ballot ?? null, message.ballot) >= 0
      check(durable, `${what} before its acceptance is durable`)
    }
  }

  #checkMayBeSaid(what: string, from: NodeId, message: Message<V>): void {
    const life = this.#lives.get(from) ?? 0
    if (message.type === 'prepare') {
      const name = formatBallot(message.ballot)
      const preparedIn = this.#preparedIn.get(name) ?? life
      check(message.ballot.node === from, `${what}, which is another's ballot`)
      check(preparedIn === life, `${what}, which it used before a restart`)
      this.#preparedIn.set(name, life)
    }
    if (message.type === 'promise') this.#countPromise(what, from, message.ballot)
    if (message.type === 'accepted') {
      const promise = this.#promiseSent.get(from) ?? null
      check(compareBallots(message.ballot, promise) >= 0, `${what} after a higher promise`)
    }
    if (message.type === 'chosen') this.#checkChosen(from, message)
  }

  /** Phase 2a: one value a ballot, by its leader only, and P2c: no other value than the chosen. */
  #checkProposal(what: string, message: AcceptMessage<V>): void {
    const name = formatBallot(message.ballot)
    const value = showValue(message.value)
    check(this.#proposed.has(value), `${what}, which nobody has proposed`)
    check((this.#values.get(name) ?? value) === value, `${what}, a second value at one ballot`)
    this.#values.set(name, value)
    const chosen = this.#chosen
    const later = chosen !== null && compareBallots(message.ballot, chosen.ballot) > 0
    check(!later || chosen.value === value, `${what}, but ${chosen?.value} was chosen below it`)
  }

  #countPromise(what: string, from: NodeId, ballot: Ballot): void {
    const before = this.#promiseSent.get(from) ?? null
    check(compareBallots(ballot, before) >= 0, `${what} after a higher promise`)
    this.#promiseSent.set(from, ballot)
    const name = formatBallot(ballot)
    this.#promisedBy.set(name, new Set(this.#promisedBy.get(name)).add(from))
  }

  /** Nobody leads without a quorum whose promises have left, its own being durable. */
  #checkPromises(id: NodeId, ballot: Ballot, disk: Saved<V>): void {
    const nodes = new Set(this.#promisedBy.get(formatBallot(ballot)))
    if (compareBallots(disk.promised, ballot) >= 0) nodes.add(id)
    check(this.#quorums.isPhase1Quorum(nodes), `${id} leads without the promises of a quorum`)
  }

  #countAcceptance(id: NodeId, ballot: Ballot, value: string): void {
    const name = formatBallot(ballot)
    const record = this.#acceptedBy.get(name) ?? { ballot, value, nodes: new Set<NodeId>() }
    check(record.value === value, `two values are accepted at ${name}`)
    this.#acceptedBy.set(name, record)
    record.nodes.add(id)
    if (!this.#quorums.isPhase2Quorum(record.nodes)) return
    check(this.#proposed.has(value), `${value} is chosen, but nobody has proposed it`)
    const chosen = this.#chosen ?? { ballot, value }
    check(chosen.value === value, `${value} is chosen after ${chosen.value}`)
    this.#chosen = chosen
  }

  #checkChosen(id: NodeId, { value }: Proposal<V>): void {
    const what = `${id} takes ${showValue(value)} for chosen`
    check(this.#chosen !== null, `${what} before a quorum of disks holds it`)
    check(this.#chosen?.value === showValue(value), `${what}, but it is ${this.#chosen?.value}`)
  }
}

function check(condition: boolean, problem: string): void {
  if (!condition) throw new Error(`Unsafe: ${problem}.`)
}
