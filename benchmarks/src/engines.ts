/**
 * Nodes that hand each other their messages by reference: no codec, no wire, and disks on which
 * everything is durable at once. What is left is the protocol. They keep a host's order: what rests on
 * a save leaves after it.
 */
import { majority } from '@paxos/core'
import type { Effects, Message, NodeId, Outgoing } from '@paxos/core'
import { Acceptor, Learner, Proposer } from '@paxos/core/essential'
import { MultiPaxos } from '@paxos/core/multi'
import type { MultiPaxosMessage } from '@paxos/core/multi'
import { Node } from '@paxos/core/practical'

const IDS: readonly NodeId[] = ['a', 'b', 'c']

/** How often a log is cut short: seldom enough to cost little, and memory stays small. */
const SNAPSHOT_EVERY_SLOTS = 8_192

/** On the clock of the engines, for each batch: about what one takes here. */
const BATCH_MS = 0.05

interface Letter<M> {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: M
}

/** What all engines of core have, as far as it is needed here. */
interface Engine<M> {
  receive(from: NodeId, message: M): Effects<Uint8Array, M, unknown>
  saved(): Effects<Uint8Array, M, unknown>
  tick(nowMs: number): Effects<Uint8Array, M, unknown>
}

/** Gives engines what they say to each other, and the time before each input. */
class Mail<M> {
  nowMs = 0
  readonly #engines: ReadonlyMap<NodeId, Engine<M>>
  readonly #letters: Letter<M>[] = []

  constructor(engines: ReadonlyMap<NodeId, Engine<M>>) {
    this.#engines = engines
  }

  /** Carries out what came of one input of `id`, until nobody has anything more to say. */
  carryOut(id: NodeId, effects: Effects<Uint8Array, M, unknown>): void {
    this.#perform(id, effects)
    for (let index = 0; index < this.#letters.length; index += 1) {
      const letter = this.#letters[index]
      const engine = letter && this.#engines.get(letter.to)
      if (letter === undefined || engine === undefined) continue
      this.#perform(letter.to, engine.tick(this.nowMs))
      this.#perform(letter.to, engine.receive(letter.from, letter.message))
    }
    this.#letters.length = 0
  }

  #perform(id: NodeId, { send, save }: Effects<Uint8Array, M, unknown>): void {
    for (const outgoing of send) this.#post(id, outgoing)
    if (save === undefined) return
    for (const outgoing of save.then) this.#post(id, outgoing)
    const engine = this.#engines.get(id)
    if (engine !== undefined) this.#perform(id, engine.saved())
  }

  #post(from: NodeId, { to, message }: Outgoing<Uint8Array, M>): void {
    if (to !== 'all') this.#letters.push({ from, to, message })
    else for (const id of IDS) if (id !== from) this.#letters.push({ from, to: id, message })
  }
}

/**
 * Three engines of a log of which one leads. Returns what proposes `values` of `bytes` with one Accept,
 * has them chosen on all three, and returns how many there were.
 */
export function logOfThree(values: number, bytes: number): () => number {
  const engines = new Map(
    IDS.map((id, index) => {
      const random = (): number => (index + 1) / 4
      const options = { id, quorums: majority(IDS), random, election: 'external' as const }
      return [id, new MultiPaxos(options)]
    }),
  )
  const [leader] = engines.values()
  if (leader === undefined) throw new TypeError('There are three.')
  const snapshots = new Map(IDS.map((id) => [id, 0]))
  const mail = new Mail<MultiPaxosMessage>(engines)

  function keepShort(): void {
    for (const [id, engine] of engines) {
      const through = engine.chosenThrough
      if (through - (snapshots.get(id) ?? 0) < SNAPSHOT_EVERY_SLOTS) continue
      snapshots.set(id, through)
      mail.carryOut(id, engine.snapshot({ through, bytes: new Uint8Array(8) }))
    }
  }

  for (const [id, engine] of engines) mail.carryOut(id, engine.tick(0))
  mail.carryOut(leader.id, leader.lead())
  if (leader.phase !== 'leading')
    throw new Error('Nobody leads: the engines do not understand each other.')
  const chosenThrough = (): number =>
    Math.min(...Array.from(engines.values(), (engine) => engine.chosenThrough))
  const batch = Array.from({ length: values }, () => new Uint8Array(bytes).fill(9))
  return () => {
    mail.nowMs += BATCH_MS
    mail.carryOut(leader.id, leader.tick(mail.nowMs))
    const before = chosenThrough()
    mail.carryOut(leader.id, leader.propose(batch).effects)
    keepShort()
    return chosenThrough() - before
  }
}

/** A decree from its Prepare to what is chosen, by the classes that are the paper's and no more. */
export function essentialDecree(): number {
  const quorums = majority(IDS)
  const acceptors = IDS.map((id) => ({ id, acceptor: new Acceptor<string>() }))
  const [proposer, learner] = [new Proposer<string>('a', quorums), new Learner<string>(quorums)]
  const prepare = proposer.prepare('value')
  for (const { id, acceptor } of acceptors) {
    const promise = acceptor.receivePrepare(prepare)
    const accept = promise && proposer.receivePromise(id, promise)
    if (accept === null) continue
    for (const other of acceptors) {
      const accepted = other.acceptor.receiveAccept(accept)
      if (accepted !== null) learner.receiveAccepted(other.id, accepted)
    }
  }
  return learner.chosen === null ? 0 : 1
}

const VALUE = new Uint8Array(8)

/** The same by the engine that hosts use: refusals, saves, and all three learn. */
export function practicalDecree(): number {
  const quorums = majority(IDS)
  const engines = new Map(IDS.map((id) => [id, new Node<Uint8Array>({ id, quorums })]))
  const mail = new Mail<Message<Uint8Array>>(engines)
  const [first] = engines.values()
  if (first === undefined) throw new TypeError('There are three.')
  for (const [id, engine] of engines) mail.carryOut(id, engine.tick(0))
  mail.carryOut(first.id, first.propose(VALUE))
  mail.carryOut(first.id, first.prepare())
  return [...engines.values()].every(({ chosen }) => chosen !== null) ? 1 : 0
}
