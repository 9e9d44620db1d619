/**
 * A cluster of real engines as a model: what each of them is, what is durable, which saves are under
 * way, and every message that was ever sent. A message that was sent once may arrive now, later,
 * again, before others, or never: that is loss, duplication and reordering in one. A node may crash
 * between any two steps, with any of its saves under way done or not. Must know nothing of how an
 * engine decides.
 */
import { compareBallots } from '@paxos/core'
import type { Ballot, Change, NodeId, Saved, Slot } from '@paxos/core'
import type { Action, Model } from './explore.ts'
import { Machines, Numbered, wordsOf } from './machines.ts'
import type { Machine } from './machines.ts'

/** What is given to an engine. */
export type Input<Message> =
  | { readonly type: 'receive'; readonly from: NodeId; readonly message: Message }
  | { readonly type: 'saved' }
  /** Something that a host may do by itself: the engine's model knows what it means. */
  | { readonly type: 'do'; readonly what: string }

/** What an engine asks for, in the form of core's Effects. */
export interface Output<Value, Message> {
  readonly send: readonly { readonly to: NodeId; readonly message: Message }[]
  readonly save?: {
    readonly change: Change<Value>
    readonly then: readonly { readonly to: NodeId; readonly message: Message }[]
  }
  /** What the engine says is chosen. */
  readonly chosen: readonly (readonly [Slot, string])[]
}

/** One engine, and how it is explored. */
export interface ClusterOptions<Value, Message> {
  readonly name: string
  readonly configuration: string
  readonly nodes: readonly NodeId[]
  /** A new engine from what is on its disk. */
  readonly make: (
    id: NodeId,
    saved: Saved<Value>,
  ) => Machine<Input<Message>, Output<Value, Message>>
  /** What each host may do by itself, and how often. */
  readonly mayDo: readonly {
    readonly node: NodeId
    readonly what: string
    readonly times: number
  }[]
  /** How many crashes there may be altogether, and of which nodes; default: of any. */
  readonly crashes: number
  readonly mayCrash?: readonly NodeId[] | undefined
  /**
   * Whether a save is done at once, before anything else can happen. A crash before it is then what
   * the loss of the message was that led to it, and one behind it the loss of the answer.
   */
  readonly savesAtOnce: boolean
  /** Nodes that differ in nothing but their names, which are in no ballot: mirror images are one. */
  readonly alike: readonly NodeId[]
  /** Fields of the engine that never change. */
  readonly constants: readonly string[]
  /** How many nodes make a quorum: what the engines should count by. */
  readonly quorum: number
  /** A value in words. */
  readonly valueOf: (value: Value) => string
  /** What may be chosen. */
  readonly isValid: (value: string) => boolean
  /** In words. */
  readonly describeMessage: (message: Message) => string
  /** The ballot that a message promises, `null` when it is none. */
  readonly promisedBy: (message: Message) => Ballot | null
}

interface Envelope<Message> {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message
}

/** Everything by number: see the tables of the model. */
interface ClusterState {
  readonly engines: readonly number[]
  readonly durable: readonly number[]
  /** Of each node, the saves under way, oldest first. */
  readonly saving: readonly (readonly number[])[]
  /** Of each node, every acceptance that was ever durable. */
  readonly accepted: readonly (readonly number[])[]
  /** Ascending. */
  readonly messages: readonly number[]
  /** How often each thing was done, and then how many crashes there were. */
  readonly done: readonly number[]
}

type Saving<Value, Message> = NonNullable<Output<Value, Message>['save']>

/** No table ever has so many rows: number() of it would fail first. */
const BETWEEN = 0xffff

/** An acceptance in words. */
interface Acceptance {
  readonly slot: Slot
  readonly ballot: Ballot
  readonly value: string
}

export function clusterModel<Value, Message>(
  options: ClusterOptions<Value, Message>,
): Model<ClusterState> {
  const { nodes, mayDo, valueOf } = options
  const machinesOf = (id: NodeId) =>
    new Machines((saved: Saved<Value>) => options.make(id, saved), options.constants)
  const [firstAlike] = options.alike
  const shared = firstAlike === undefined ? null : machinesOf(firstAlike)
  const tables = new Map(
    nodes.map((id) => [
      id,
      shared !== null && options.alike.includes(id) ? shared : machinesOf(id),
    ]),
  )
  const disks = new Numbered<Saved<Value>>()
  const saves = new Numbered<Saving<Value, Message>>()
  const acceptances = new Numbered<Acceptance>()
  const envelopes = new Numbered<Envelope<Message>>()
  const chosenBy = new Map<string, string>()
  const numbered = nodes.map(() => new WeakMap<object, readonly number[]>())
  const numberedSaves = new WeakMap<object, number>()

  const saveNumber = (save: Saving<Value, Message>): number => {
    const number = numberedSaves.get(save) ?? saves.number(save)
    numberedSaves.set(save, number)
    return number
  }

  const tableOf = (node: number) => {
    const table = tables.get(nodes[node] ?? '')
    if (table === undefined) throw new TypeError(`There is no node ${node}.`)
    return table
  }

  const empty: Saved<Value> = { promised: null, accepted: [], snapshot: null, chosenThrough: 0 }

  const initial: ClusterState = {
    engines: nodes.map((_, node) => tableOf(node).start(empty, wordsOf(empty))),
    durable: nodes.map(() => disks.number(empty)),
    saving: nodes.map(() => []),
    accepted: nodes.map(() => []),
    messages: [],
    done: [...mayDo.map(() => 0), 0],
  }

  function give(
    state: ClusterState,
    node: number,
    input: Input<Message>,
    key: string,
  ): ClusterState {
    const { state: engine, output } = tableOf(node).step(state.engines[node] ?? 0, input, key)
    const next = { ...state, engines: state.engines.with(node, engine) }
    const saving = state.saving[node] ?? []
    const sent = send(next, node, output.send)
    if (output.save === undefined) return sent
    if (options.savesAtOnce) {
      const running = { ...sent, saving: sent.saving.with(node, [saveNumber(output.save)]) }
      return send(persist(running, node).next, node, output.save.then)
    }
    return { ...sent, saving: sent.saving.with(node, [...saving, saveNumber(output.save)]) }
  }

  function send(
    state: ClusterState,
    node: number,
    messages: readonly { readonly to: NodeId; readonly message: Message }[],
  ): ClusterState {
    if (messages.length === 0) return state
    const added = numbersOf(node, messages).filter((number) => !state.messages.includes(number))
    if (added.length === 0) return state
    return { ...state, messages: [...state.messages, ...added].toSorted((a, b) => a - b) }
  }

  /** Of the messages that a step sends; the same list is looked at again and again. */
  function numbersOf(
    node: number,
    messages: readonly { readonly to: NodeId; readonly message: Message }[],
  ): readonly number[] {
    const known = numbered[node]?.get(messages)
    if (known !== undefined) return known
    const from = nodes[node] ?? ''
    const numbers = messages.flatMap(({ to, message }) => {
      const receivers = to === 'all' ? nodes.filter((id) => id !== from) : [to]
      return receivers.map((receiver) => envelopes.number({ from, to: receiver, message }))
    })
    const unique = [...new Set(numbers)]
    if (messages.length > 0) numbered[node]?.set(messages, unique)
    return unique
  }

  /** The oldest save of a node is on its disk. */
  function persist(
    state: ClusterState,
    node: number,
  ): { next: ClusterState; violation: string | null } {
    const [oldest = 0, ...rest] = state.saving[node] ?? []
    const { change } = saves.value(oldest)
    const before = disks.value(state.durable[node] ?? 0)
    const accepted = [...(state.accepted[node] ?? [])]
    for (const { slot, ballot, value } of change.accepted ?? []) {
      const number = acceptances.number({ slot, ballot, value: valueOf(value) })
      if (!accepted.includes(number)) accepted.push(number)
    }
    const next = {
      ...state,
      saving: state.saving.with(node, rest),
      durable: state.durable.with(node, disks.number(applied(before, change))),
      accepted: state.accepted.with(
        node,
        accepted.toSorted((a, b) => a - b),
      ),
    }
    return { next, violation: broken(before, change, node) ?? disagreement(next) }
  }

  function broken(before: Saved<Value>, change: Change<Value>, node: number): string | null {
    const id = nodes[node]
    const { promised } = before
    if (change.promised !== undefined && compareBallots(change.promised, promised) < 0) {
      return `${id} saves a promise below the one that it has saved: a promise is forgotten.`
    }
    const learnt = Math.max(before.chosenThrough, change.chosenThrough ?? 0)
    for (const { slot, ballot } of change.accepted ?? []) {
      if (slot > learnt && compareBallots(ballot, promised) < 0) {
        return `${id} accepts below what it has promised: a promise is forgotten.`
      }
    }
    return null
  }

  /** Chosen is what a quorum has accepted at one ballot, whether anybody knows it or not. */
  function disagreement({ accepted }: ClusterState): string | null {
    const key = accepted.map((each) => each.join(',')).join(';')
    const known = chosenBy.get(key)
    if (known !== undefined) return known === '' ? null : known
    const counts = new Map<number, number>()
    for (const each of accepted) for (const one of each) counts.set(one, (counts.get(one) ?? 0) + 1)
    const bySlot = new Map<Slot, string>()
    let violation: string | null = null
    for (const [number, count] of counts) {
      if (count < options.quorum) continue
      const { slot, value } = acceptances.value(number)
      const other = bySlot.get(slot)
      if (other !== undefined && other !== value) {
        violation = `Both ${other} and ${value} are chosen in slot ${slot}.`
      }
      if (!options.isValid(value)) violation = `${value} is chosen, which nobody proposed.`
      bySlot.set(slot, value)
    }
    chosenBy.set(key, violation ?? '')
    return violation
  }

  /** What an engine says is chosen must be what is. */
  function lie(state: ClusterState, chosen: Output<Value, Message>['chosen']): string | null {
    for (const [slot, value] of chosen) {
      const counts = new Map<number, number>()
      for (const each of state.accepted) {
        for (const one of each) counts.set(one, (counts.get(one) ?? 0) + 1)
      }
      const isChosen = [...counts].some(([number, count]) => {
        const acceptance = acceptances.value(number)
        return count >= options.quorum && acceptance.slot === slot && acceptance.value === value
      })
      if (!isChosen) return `A node says that ${value} is chosen in slot ${slot}, and it is not.`
    }
    return null
  }

  function act(
    state: ClusterState,
    node: number,
    {
      input,
      key,
      label,
    }: { readonly input: Input<Message>; readonly key: string; readonly label: () => string },
  ): Action<ClusterState> {
    const next = give(state, node, input, key)
    const { output } = tableOf(node).step(state.engines[node] ?? 0, input, key)
    const { save } = output
    const unkept =
      save === undefined || !options.savesAtOnce
        ? null
        : broken(disks.value(state.durable[node] ?? 0), save.change, node)
    const violation =
      unkept ?? disagreement(next) ?? tooEarly(next, node, output) ?? lie(next, output.chosen)
    return { label, next, violation }
  }

  /** A promise that leaves must be durable. */
  function tooEarly(
    state: ClusterState,
    node: number,
    { send: sent }: Output<Value, Message>,
  ): string | null {
    const { promised } = disks.value(state.durable[node] ?? 0)
    for (const { message } of sent) {
      const ballot = options.promisedBy(message)
      if (ballot !== null && compareBallots(promised, ballot) < 0) {
        return `${nodes[node]} sends a promise before it has saved it.`
      }
    }
    return null
  }

  function isIdle(
    { state: engine, output }: { readonly state: number; readonly output: Output<Value, Message> },
    state: ClusterState,
    node: number,
  ): boolean {
    const { send: sent, save, chosen } = output
    const changes = engine !== state.engines[node] || save !== undefined || chosen.length > 0
    return !changes && numbersOf(node, sent).every((number) => state.messages.includes(number))
  }

  function* actions(state: ClusterState): Generator<Action<ClusterState>> {
    for (const [index, { node: id, what, times }] of mayDo.entries()) {
      const count = state.done[index] ?? 0
      if (count >= times) continue
      const node = nodes.indexOf(id)
      const counted = { ...state, done: state.done.with(index, count + 1) }
      const label = (): string => `${id}: ${what}`
      yield act(counted, node, { input: { type: 'do', what }, key: what, label })
    }
    for (const number of state.messages) {
      const { from, to, message } = envelopes.value(number)
      const node = nodes.indexOf(to)
      const label = (): string => `${from} → ${to}: ${options.describeMessage(message)}`
      const input = { type: 'receive', from, message } as const
      const key = `m${number}`
      // What changes nothing leads nowhere.
      if (isIdle(tableOf(node).step(state.engines[node] ?? 0, input, key), state, node)) continue
      yield act(state, node, { input, key, label })
    }
    for (const [node, id] of nodes.entries()) {
      const saving = state.saving[node] ?? []
      const [oldest] = saving
      if (oldest !== undefined) yield complete(state, node, oldest)
      const crashes = state.done.at(-1) ?? 0
      if (crashes >= options.crashes || options.mayCrash?.includes(id) === false) continue
      let crashed: ClusterState = { ...state, done: state.done.with(mayDo.length, crashes + 1) }
      let violation: string | null = null
      for (let kept = 0; kept <= saving.length; kept += 1) {
        const saved = kept === 0 ? '' : `, ${kept} of its saves done`
        const label = (): string => `${id} crashes and restarts${saved}`
        yield { label, next: restarted(crashed, node), violation }
        if (kept === saving.length) break
        const persisted = persist(crashed, node)
        crashed = persisted.next
        violation ??= persisted.violation
      }
    }
  }

  function complete(state: ClusterState, node: number, oldest: number): Action<ClusterState> {
    const label = (): string =>
      `${nodes[node]} has saved ${Object.keys(saves.value(oldest).change).join(' and ')}`
    const { next, violation } = persist(state, node)
    const sent = send(next, node, saves.value(oldest).then)
    const told = act(sent, node, { input: { type: 'saved' }, key: 'saved', label })
    return { ...told, violation: violation ?? told.violation }
  }

  function restarted(state: ClusterState, node: number): ClusterState {
    const disk = state.durable[node] ?? 0
    const engine = tableOf(node).start(disks.value(disk), disks.words(disk))
    return {
      ...state,
      engines: state.engines.with(node, engine),
      saving: state.saving.with(node, []),
    }
  }

  const mirrors: readonly ((state: ClusterState) => ClusterState)[] = permutations(
    options.alike,
  ).map((order, index) => (index === 0 ? (state) => state : mirrorBy(order)))

  /** The state in which each node that is alike has taken the name that `order` gives it. */
  function mirrorBy(order: readonly NodeId[]): (state: ClusterState) => ClusterState {
    const names = new Map(options.alike.map((id, index) => [id, order[index] ?? id]))
    const nameOf = (id: NodeId): NodeId => names.get(id) ?? id
    const places = nodes.map((id) => nodes.indexOf(nameOf(id)))
    const messages = new Map<number, number>()
    const engines = nodes.map(() => new Map<number, number>())
    const moved = <T>(items: readonly T[]): T[] => {
      const result = [...items]
      for (const [index, item] of items.entries()) result[places[index] ?? index] = item
      return result
    }
    const messageOf = (number: number): number =>
      remember(messages, number, () => {
        const { from, to, message } = envelopes.value(number)
        return envelopes.number({ from: nameOf(from), to: nameOf(to), message })
      })
    const engineOf = (number: number, node: number): number =>
      remember(engines[node] ?? new Map<number, number>(), number, () =>
        tableOf(node).renamed(number, (input) => {
          if (input.type !== 'receive') return { input, key: keyOfInput(input) }
          const from = nameOf(input.from)
          const to = nameOf(nodes[node] ?? '')
          const key = `m${envelopes.number({ from, to, message: input.message })}`
          return { input: { ...input, from }, key }
        }),
      )
    return (state) => ({
      engines: moved(state.engines.map(engineOf)),
      durable: moved(state.durable),
      saving: moved(state.saving),
      accepted: moved(state.accepted),
      messages: state.messages.map(messageOf).toSorted((a, b) => a - b),
      done: state.done,
    })
  }

  return {
    name: options.name,
    configuration: options.configuration,
    initial,
    actions,
    key: (state) => mirrors.map((mirror) => keyOf(mirror(state))).reduce(least),
    describe: ({ durable, saving }) =>
      Object.fromEntries(
        nodes.map((id, node) => {
          const { promised, accepted } = disks.value(durable[node] ?? 0)
          const entries = accepted.map(
            ({ slot, ballot, value }) => `${slot}: ${valueOf(value)} at ${ballotText(ballot)}`,
          )
          const under = (saving[node] ?? []).length
          const parts = [
            promised === null ? '' : `promised ${ballotText(promised)}`,
            ...entries,
            under === 0 ? '' : `${under} saves under way`,
          ]
          return [id, parts.filter((part) => part !== '').join(', ')]
        }),
      ),
  }
}

/** A letter for each number, and one that no number has between the lists. */
function keyOf({ engines, durable, saving, accepted, messages, done }: ClusterState): string {
  const numbers = [...engines, ...durable]
  for (const each of saving) numbers.push(BETWEEN, ...each)
  for (const each of accepted) numbers.push(BETWEEN, ...each)
  numbers.push(BETWEEN, ...done, ...messages)
  return String.fromCharCode(...numbers)
}

function keyOfInput<Message>(input: Exclude<Input<Message>, { readonly type: 'receive' }>): string {
  return input.type === 'do' ? input.what : 'saved'
}

function least(a: string, b: string): string {
  return a < b ? a : b
}

function remember(known: Map<number, number>, number: number, find: () => number): number {
  const found = known.get(number)
  if (found !== undefined) return found
  const made = find()
  known.set(number, made)
  return made
}

/** Every order of `items`, the given one first. */
function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items]
  return items.flatMap((first, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [first, ...rest]),
  )
}

/** What a disk holds after a change, as the contract of Durability says. */
function applied<Value>(saved: Saved<Value>, change: Change<Value>): Saved<Value> {
  const entries = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of change.accepted ?? []) entries.set(entry.slot, entry)
  const snapshot = change.snapshot ?? saved.snapshot
  return {
    promised: change.promised ?? saved.promised,
    accepted: [...entries.values()]
      .filter(({ slot }) => slot > (snapshot?.through ?? 0))
      .toSorted((a, b) => a.slot - b.slot),
    snapshot,
    chosenThrough: change.chosenThrough ?? saved.chosenThrough,
  }
}

export function ballotText({ round, node }: Ballot): string {
  return `${round}.${node}`
}
