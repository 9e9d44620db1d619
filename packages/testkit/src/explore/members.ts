/**
 * A log whose members change, as a model: nodes that lead when they are told to, propose other
 * members, crash, and lose their disks at any step. What they save is durable at once, for what
 * becomes of running saves the model of a log explores; and time stands still, as there.
 *
 * Who decides a slot is told here by the rule alone, from what was accepted by whom: it must never
 * ask the engines, which are what is explored.
 */
import { compareBallots, formatBallot } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { encodeEntry, MultiPaxos, quorumsOf, votersOf } from '@paxos/core/multi'
import type { Configuration, ConfiguredMember, LogEffects, QuorumRule } from '@paxos/core/multi'
import type { MultiPaxosOptions } from '@paxos/core/multi'
import { NOTHING_STORED, savedOf } from './model.ts'
import type { Engine, Input, Model, NodeModel, Plain, PlainObject, Stored, Vote } from './model.ts'
import { bytesIn, half, NO_OP, reactionTo } from './multi.ts'
import type { LogNode } from './multi.ts'
import { asLogMessage, asPlain, bytesOf, nameBytes } from './plain.ts'

/** What the model calls of a node. */
export type MembersNode = LogNode & Pick<MultiPaxos, 'told' | 'standing' | 'configuration'>

/** Other members. */
export interface ChangeOptions {
  /** As in `initial`. */
  readonly voters: readonly string[]
  /** Default: 0. */
  readonly replaces?: number
  /** Default: majority. */
  readonly quorums?: QuorumRule
}

/** What one node may do, and what may be done to it; nothing by default. */
export interface MemberOptions {
  /** How often it may try to lead. */
  readonly leads?: number
  /** How many commands it may propose. */
  readonly proposes?: number
  /** Which of the changes it may propose, by number; each twice, for it may have to ask first. */
  readonly changes?: readonly number[]
  readonly crashes?: number
  /** How often its disk may be lost. */
  readonly wipes?: number
  /** What is on its disk at the beginning. Default: that it was let in, if it votes at first. */
  readonly begins?: Stored
}

export interface MembersOptions {
  /** In words. */
  readonly title: string
  /** Who votes at first: 'a'; or 'a0', 'a1' where only one incarnation of it counts. */
  readonly initial: readonly string[]
  /** Their quorums. Default: majority. */
  readonly quorums?: QuorumRule
  readonly changes: readonly ChangeOptions[]
  readonly nodes: Readonly<Record<NodeId, MemberOptions>>
  /** How many slots may be filled by commands and changes. */
  readonly slots: number
  /** Of what is proposed, what no run chooses within those slots. Default: nothing. */
  readonly unchosen?: readonly string[]
  /** As of MultiPaxos: that a disk which is empty was never another. Default: false. */
  readonly trustEmptyState?: boolean
  /** Makes a node. A test gives another, to see that the explorer finds what is wrong in it. */
  readonly node?: (options: MultiPaxosOptions) => MembersNode
}

/** Nodes of a log whose members change. */
export function membersModel(options: MembersOptions): Model {
  const { title, initial, changes, slots } = options
  const make = options.node ?? ((settings) => new MultiPaxos(settings))
  const configuration: Configuration = {
    version: 0,
    ...members(initial, options.quorums),
  }
  const names = changes.map(nameOf)
  const nodes = Object.entries(options.nodes).map(([id, node]): NodeModel => {
    const { leads = 0, proposes = 0, crashes = 0, wipes = 0 } = node
    const isInitial = initial.some((name) => idOf(name) === id)
    return {
      id,
      commands: [
        { name: 'leads', times: leads },
        { name: 'proposes', times: proposes },
        ...(node.changes ?? []).map((change) => ({ name: `proposes ${names[change]}`, times: 2 })),
      ],
      crashes,
      wipes,
      saves: 'at once',
      swallows: false,
      starts: true,
      begins: node.begins ?? { ...NOTHING_STORED, admitted: isInitial },
      incarnation: (lives) => `${id}${lives}`,
      create(stored, lives) {
        const engine = make({
          id,
          configuration,
          incarnation: `${id}${lives}`,
          saved: savedOf(stored, bytesIn),
          random: half,
          election: 'external',
          trustEmptyState: options.trustEmptyState,
        })
        const peers = Object.keys(options.nodes).filter((peer) => peer !== id)
        return running(engine, { id, peers, slots, isLast: lives === wipes })
      },
    }
  })
  const commands = nodes.flatMap(({ id, commands: [, proposes] }) => {
    return Array.from({ length: proposes?.times ?? 0 }, (_, each) => ({
      bytes: commandOf(id, each),
    }))
  })
  const unchosen = new Set(options.unchosen?.map((bytes) => JSON.stringify({ bytes })))
  const held = nodes.flatMap(({ begins }) => begins?.accepted.map(({ value }) => value) ?? [])
  const values: Plain[] = [NO_OP, ...names.map((bytes) => ({ bytes })), ...commands, ...held]
  return {
    name: 'members',
    description: title,
    options: asPlain({ ...options, node: undefined }),
    nodes,
    quorums: quorumsOf(configuration),
    decides: decider(configuration, changes),
    values,
    choosable: values.filter((value) => !unchosen.has(JSON.stringify(value))),
    interchangeable: [],
    constants: [configuration],
  }
}

/** Rule 1 of core's `configuration.ts`, said once more. */
function decider(initial: Configuration, changes: readonly ChangeOptions[]) {
  const configurations = new Map(
    changes.map((change) => [
      JSON.stringify({ bytes: nameOf(change) }),
      { replaces: change.replaces ?? 0, ...members(change.voters, change.quorums) },
    ]),
  )
  return (votes: readonly Vote[], below: readonly string[]): boolean => {
    let governing: Pick<Configuration, 'members' | 'quorums'> = initial
    let version = 0
    for (const [index, value] of below.entries()) {
      const change = configurations.get(value)
      if (change?.replaces !== version) continue
      governing = change
      version = index + 1
    }
    const voters = new Map(votersOf(governing).map((voter) => [voter.id, voter]))
    const counted = votes.filter(({ id, incarnation }) => {
      const voter = voters.get(id)
      return voter !== undefined && (voter.incarnation ?? incarnation) === incarnation
    })
    return quorumsOf(governing).isPhase2Quorum(new Set(counted.map(({ id }) => id)))
  }
}

/** How a change is called; from now on that stands for its entry. */
function nameOf({ voters, replaces = 0, quorums }: ChangeOptions): string {
  const rule = quorums === undefined ? '' : ` by ${Object.values(quorums).join(' ')}`
  const name = `${voters.join(' ')}${rule} for ${replaces}`
  const entry = encodeEntry({ type: 'members', replaces, ...members(voters, quorums) })
  nameBytes(name, entry)
  return name
}

function members(names: readonly string[], quorums: QuorumRule = { type: 'majority' }) {
  const voters = names.map((name): ConfiguredMember => {
    const id = idOf(name)
    return { id, address: id, role: 'voter', incarnation: name === id ? null : name }
  })
  return { members: voters, quorums, former: [] }
}

function idOf(name: string): NodeId {
  return name.replace(/\d+$/, '')
}

function commandOf(id: NodeId, count: number): string {
  return `x${count + 1} of ${id}`
}

interface Surroundings {
  readonly id: NodeId
  readonly peers: readonly NodeId[]
  readonly slots: number
  /** Its disk will not be lost any more. */
  readonly isLast: boolean
}

function running(node: MembersNode, { id, peers, slots, isLast }: Surroundings): Engine {
  return {
    subject: node,
    react(input) {
      const all = [effectsOf(node, id, input)]
      // Each save is durable at once, and something may follow from that.
      while (all.at(-1)?.save !== undefined) all.push(node.saved())
      const reactions = all.map(reactionTo)
      const told = peers.filter((peer) => node.told.has(peer))
      const sent = reactions
        .flatMap(({ send, save }) => [...send, ...(save?.then ?? [])])
        .flatMap((each) => (each.to === 'all' ? told.map((to) => ({ ...each, to })) : each))
        .filter(({ to, message }) => peers.includes(to) && !isLost(message))
      const changes = reactions.flatMap(({ save }) => save?.change ?? [])
      const learnt = reactions.flatMap((reaction) => reaction.learnt)
      if (changes.length === 0) return { send: sent, save: null, learnt }
      const accepted = changes.flatMap((change) => change.accepted ?? [])
      const change: Partial<Stored> = Object.assign(
        {},
        ...changes,
        accepted.length > 0 && { accepted },
      )
      return { send: [], save: { change, then: sent }, learnt }
    },
    canUse(command) {
      if (command === 'leads') return node.standing === 'voter'
      const isOpen = node.phase === 'leading' && node.room.values > 0
      return isOpen && node.chosenThrough + node.slotsInFlight < slots
    },
    ignores(_from, plain) {
      const message = asLogMessage(plain)
      if (message.type !== 'logPromise' && message.type !== 'logAccepted') return false
      // As in the log. Who loses its disk may heed what it did not heed before.
      const order = compareBallots(message.ballot, node.ballot ?? node.promised)
      return isLast && (order < 0 || (order === 0 && node.phase === 'idle'))
    },
    view: () =>
      `${node.phase}, ${node.standing} of version ${node.configuration.version}, ` +
      `promised ${formatBallot(node.promised)}, chosen ${node.chosenThrough}`,
  }
}

/** What nobody needs to get on, so that the network of this model loses it. */
function isLost({ type, asks, entries }: PlainObject): boolean {
  if (type === 'introduction') return asks === false
  // One that says nothing only makes who has asked ask another.
  if (type === 'fetched') return Array.isArray(entries) && entries.length === 0
  return type === 'nack' || type === 'logHeartbeatAnswer'
}

function effectsOf(node: MembersNode, id: NodeId, input: Input): LogEffects {
  switch (input.type) {
    case 'start':
      return node.tick(0)
    case 'command': {
      if (input.name === 'leads') return node.lead()
      const name = input.name.replace(/^proposes ?/, '')
      return node.propose([bytesOf(name || commandOf(id, input.count))]).effects
    }
    case 'saved':
      return node.saved()
    case 'receive':
      return node.receive(input.from, asLogMessage(input.message))
  }
}
