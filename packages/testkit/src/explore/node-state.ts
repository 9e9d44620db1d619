/**
 * One node of a model and one step of it: what becomes of its engine, its disk, the saves that are
 * running, and what it has ever sent. Works on engines that run and on ones that are looked up in a
 * table alike. Here is also what a node must keep by itself: no promise is forgotten, a ballot has
 * one value, and who has heard of a quorum says so. It must never see another node.
 */
import { compareBallots, formatBallot, highestBallot, InvariantError } from '@paxos/core'
import { sameBallot } from '@paxos/core'
import type { Ballot, NodeId } from '@paxos/core'
import { EMPTY_DISK, NOTHING_STORED } from './model.ts'
import type { Acceptance, Input, Learnt, NodeModel, Plain, PlainObject } from './model.ts'
import type { PlainSave, Reaction, Sent, Stored } from './model.ts'

/** What happens to a node in one step. */
export type Action =
  | { readonly type: 'receive'; readonly from: NodeId; readonly message: PlainObject }
  /** Saves what it must, and crashes before its answer leaves. */
  | { readonly type: 'receive and crash'; readonly from: NodeId; readonly message: PlainObject }
  | { readonly type: 'command'; readonly name: string }
  /** The oldest running save is durable; what waited for it leaves. */
  | { readonly type: 'saved' }
  /** The node stops and starts again; of the running saves the oldest `durable` survive. */
  | { readonly type: 'crash'; readonly durable: number }
  /** The node stops, its disk is lost, and it starts on an empty one. */
  | { readonly type: 'wipe' }

/** Everything about a node. `E` is its engine, or a name for the state of it. */
export interface NodeState<E> {
  readonly engine: E
  readonly stored: Stored
  readonly running: readonly PlainSave[]
  /** Every message that it has ever sent: the network may deliver each at any time, or never. */
  readonly outbox: ReadonlyMap<string, Sent>
  /** Whatever it has ever accepted durably, also on a disk that was lost. */
  readonly acceptances: ReadonlyMap<string, Acceptance>
  /** Whatever it has ever said to be chosen. */
  readonly learnt: ReadonlyMap<string, Learnt>
  /**
   * For one that learns: which acceptances it knows of in this life, its own included. Nothing any
   * more once it has said what is chosen.
   */
  readonly heard: ReadonlyMap<string, Heard>
  /** The highest ballot that it has promised in a message, as the one that it is now. */
  readonly promised: Ballot | null
  readonly used: readonly number[]
  readonly crashes: number
  /** How often its disk was lost. */
  readonly lives: number
  /** The promise that it broke, if it did. */
  readonly broken: string | null
}

/** Somebody has accepted at a ballot. */
export interface Heard {
  readonly from: NodeId
  readonly ballot: Ballot
}

/** Makes engines, and gives them inputs. */
export interface Engines<E> {
  create(node: NodeModel, stored: Stored, lives: number): E
  react(engine: E, input: Input): { readonly engine: E; readonly reaction: Reaction }
}

/** A node that starts for the first time. */
export function start<E>(node: NodeModel, engines: Engines<E>): NodeState<E> {
  const stored = node.begins ?? NOTHING_STORED
  const state: NodeState<E> = {
    engine: engines.create(node, stored, 0),
    stored,
    running: [],
    outbox: new Map(),
    acceptances: withAll(new Map(), accepted(node, 0, stored.accepted)),
    learnt: new Map(),
    heard: new Map(),
    promised: null,
    used: node.commands.map(() => 0),
    crashes: 0,
    lives: 0,
    broken: null,
  }
  return begin(node, state, engines)
}

/** The node after `action`, which must be possible. */
export function step<E>(
  node: NodeModel,
  state: NodeState<E>,
  action: Action,
  engines: Engines<E>,
): NodeState<E> {
  try {
    return take(node, state, action, engines)
  } catch (error) {
    // What core says must be true is one of the promises; anything else is a mistake in the model.
    if (!(error instanceof InvariantError)) throw error
    return { ...state, broken: state.broken ?? `an engine finds itself broken: ${error.message}` }
  }
}

function take<E>(
  node: NodeModel,
  state: NodeState<E>,
  action: Action,
  engines: Engines<E>,
): NodeState<E> {
  switch (action.type) {
    case 'receive': {
      const hearing = hear(node, state, action.from, [action])
      return react(node, hearing, { ...action, type: 'receive' }, engines)
    }
    case 'receive and crash': {
      const { from, message } = action
      const { reaction } = engines.react(state.engine, { type: 'receive', from, message })
      const stored = reaction.save === null ? state : persist(node, state, reaction.save)
      return crash(node, stored, engines)
    }
    case 'command': {
      const index = node.commands.findIndex(({ name }) => name === action.name)
      const count = state.used[index] ?? 0
      const used = state.used.with(index, count + 1)
      return react(node, { ...state, used }, { ...action, count }, engines)
    }
    case 'saved': {
      const [save, ...running] = state.running
      if (save === undefined) throw new Error('No save is running. Give a step that is possible.')
      const saved = send(node, persist(node, { ...state, running }, save), save.then)
      return react(node, saved, { type: 'saved' }, engines)
    }
    case 'crash': {
      const survivors = state.running.slice(0, action.durable)
      const saved = survivors.reduce((before, save) => persist(node, before, save), state)
      return crash(node, saved, engines)
    }
    case 'wipe': {
      const lives = state.lives + 1
      const empty = { ...state, lives, stored: EMPTY_DISK, promised: null }
      return restart(node, empty, engines)
    }
  }
}

/** The key under which a message, an acceptance or a learnt value is kept. */
export function keyOf(item: object): string {
  return JSON.stringify(item)
}

function react<E>(
  node: NodeModel,
  state: NodeState<E>,
  input: Input,
  engines: Engines<E>,
): NodeState<E> {
  const { engine, reaction } = engines.react(state.engine, input)
  const learnt = withAll(state.learnt, reaction.learnt)
  const next = send(node, { ...state, engine, learnt }, reaction.send)
  const { save } = reaction
  if (save === null) return afterHearing(node, next)
  if (node.saves === 'at once') return send(node, persist(node, next, save), save.then)
  return afterHearing(node, { ...next, running: [...next.running, save] })
}

function crash<E>(node: NodeModel, state: NodeState<E>, engines: Engines<E>): NodeState<E> {
  // Where crashes are not counted, a node that crashed is no other than one that did not.
  const crashes = node.crashes === Infinity ? 0 : state.crashes + 1
  return restart(node, { ...state, crashes }, engines)
}

/** A new engine, on what is on the disk. */
function restart<E>(node: NodeModel, state: NodeState<E>, engines: Engines<E>): NodeState<E> {
  const engine = engines.create(node, state.stored, state.lives)
  const started = { ...state, running: [], heard: new Map(), engine }
  const own = state.stored.accepted.map(({ ballot: { round, node: owner } }) => {
    return { message: { type: 'accepted', ballot: { round, node: owner } } }
  })
  return begin(node, hear(node, started, node.id, own), engines)
}

function begin<E>(node: NodeModel, state: NodeState<E>, engines: Engines<E>): NodeState<E> {
  return node.starts === true ? react(node, state, { type: 'start' }, engines) : state
}

/** What `node` has accepted, as who it was then. */
function accepted(
  node: NodeModel,
  lives: number,
  acceptances: readonly Acceptance[],
): readonly Acceptance[] {
  const incarnation = node.incarnation?.(lives)
  if (incarnation === undefined) return acceptances
  return acceptances.map((acceptance) => ({ ...acceptance, incarnation }))
}

/** Some of `messages` may say that `from` has accepted something. */
function hear<E>(
  node: NodeModel,
  state: NodeState<E>,
  from: NodeId,
  messages: readonly Pick<Sent, 'message'>[],
): NodeState<E> {
  if (node.learnsBy === undefined || state.learnt.size > 0) return state
  const acceptances = messages.flatMap(({ message }) => {
    const ballot = message['type'] === 'accepted' ? ballotOf(message['ballot']) : null
    return ballot === null ? [] : [{ from, ballot }]
  })
  return { ...state, heard: withAll(state.heard, acceptances) }
}

/** Whether the node says what it must, after what it has heard. */
function afterHearing<E>({ learnsBy }: NodeModel, state: NodeState<E>): NodeState<E> {
  if (state.heard.size === 0) return state
  if (state.learnt.size > 0) return { ...state, heard: new Map() }
  const heard = [...state.heard.values()]
  const found = heard.find(({ ballot }) => {
    const same = heard.filter((each) => sameBallot(each.ballot, ballot))
    return learnsBy?.isPhase2Quorum(new Set(same.map(({ from }) => from))) === true
  })
  if (found === undefined) return state
  const broken = `a learner learns: it has heard of a quorum at ballot ${formatBallot(found.ballot)}, and does not say so`
  return { ...state, broken: state.broken ?? broken }
}

/** The save is durable. */
function persist<E>(node: NodeModel, state: NodeState<E>, { change }: PlainSave): NodeState<E> {
  const { stored, promised } = state
  const held = new Map(stored.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of change.accepted ?? []) held.set(entry.slot, entry)
  const admitted = change.admitted ?? stored.admitted
  const chosenThrough = change.chosenThrough ?? stored.chosenThrough
  const reneges = (change.accepted ?? []).some(
    ({ slot, ballot }) => slot > chosenThrough && compareBallots(ballot, promised) < 0,
  )
  const falls =
    change.promised !== undefined && compareBallots(change.promised, stored.promised) < 0
  const broken = reneges
    ? 'no promise is forgotten: it accepts a ballot below one that it has promised'
    : falls
      ? 'no promise is forgotten: its durable promise goes down'
      : null
  return {
    ...state,
    stored: {
      promised: change.promised ?? stored.promised,
      accepted: [...held.values()].toSorted((a, b) => a.slot - b.slot),
      chosenThrough,
      ...(admitted !== undefined && { admitted }),
    },
    acceptances: withAll(state.acceptances, accepted(node, state.lives, change.accepted ?? [])),
    broken: state.broken ?? broken,
  }
}

function send<E>(node: NodeModel, state: NodeState<E>, messages: readonly Sent[]): NodeState<E> {
  let { promised, broken } = state
  for (const { message } of messages) {
    const ballot = answeredBallot(message)
    const isPromise = message['type'] === 'promise' || message['type'] === 'logPromise'
    if (isPromise && compareBallots(ballot, promised) < 0) {
      broken ??= 'no promise is forgotten: it promises a ballot below one that it has promised'
    }
    if (isPromise && compareBallots(ballot, state.stored.promised) > 0) {
      broken ??= 'nothing leaves before it is durable: it sends a promise that is not on its disk'
    }
    if (message['type'] === 'accepted' && !hasAccepted(state, ballot)) {
      broken ??= 'nothing leaves before it is durable: it tells what is not accepted on its disk'
    }
    promised = highestBallot(promised, ballot)
  }
  const outbox = withAll(state.outbox, messages)
  if (outbox !== state.outbox && hasTwoValues(outbox)) {
    broken ??= 'a ballot has one value: it proposes two values at one ballot'
  }
  return hear(node, { ...state, outbox, promised, broken }, node.id, messages)
}

/** Whether it has durably accepted something at `ballot`. */
function hasAccepted<E>({ acceptances }: NodeState<E>, ballot: Ballot | null): boolean {
  return [...acceptances.values()].some((acceptance) => sameBallot(acceptance.ballot, ballot))
}

const BINDING = new Set(['promise', 'accepted', 'logPromise', 'logAccepted'])

/** The ballot that an acceptor binds itself to with this message; `null` for other messages. */
function answeredBallot(message: PlainObject): Ballot | null {
  const { type } = message
  const binds = typeof type === 'string' && BINDING.has(type)
  return binds ? ballotOf(message['ballot']) : null
}

function ballotOf(plain: Plain | undefined): Ballot | null {
  if (typeof plain !== 'object' || plain === null || !('round' in plain)) return null
  const { round, node } = plain
  return typeof round === 'number' && typeof node === 'string' ? { round, node } : null
}

function hasTwoValues(outbox: ReadonlyMap<string, Sent>): boolean {
  const proposals = [...outbox.values()].flatMap(({ message }) => proposalsOf(message))
  return proposals.some((one) =>
    proposals.some(
      (other) =>
        one.slot === other.slot &&
        sameBallot(one.ballot, other.ballot) &&
        JSON.stringify(one.value) !== JSON.stringify(other.value),
    ),
  )
}

function proposalsOf(message: PlainObject): Acceptance[] {
  const ballot = ballotOf(message['ballot'])
  if (ballot === null) return []
  const { type, value, values, first } = message
  if (type === 'accept') return [{ slot: 1, ballot, value: value ?? null }]
  if (type !== 'logAccept' || !Array.isArray(values)) return []
  return values.map((item: Plain, index) => ({ slot: Number(first) + index, ballot, value: item }))
}

/** Also `items`, in an order that does not tell which came first. */
function withAll<T extends object>(
  set: ReadonlyMap<string, T>,
  items: readonly T[],
): ReadonlyMap<string, T> {
  const added = items.map((item) => [keyOf(item), item] as const).filter(([key]) => !set.has(key))
  if (added.length === 0) return set
  return new Map([...set, ...added].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
