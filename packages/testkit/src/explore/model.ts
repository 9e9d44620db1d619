/**
 * What is explored: nodes that run a class of core, and what the world may do to them. A model says
 * which objects to make and what to call; it must never decide anything that those classes decide.
 */
import type { Ballot, NodeId, QuorumSystem, Saved } from '@paxos/core'

/** JSON that stands for a message or a change: bytes are `{ bytes: text }`. */
export type Plain = null | boolean | number | string | readonly Plain[] | PlainObject
export interface PlainObject {
  readonly [name: string]: Plain
}

/** One message on its way. */
export interface Sent {
  // oxlint-disable-next-line typescript/no-redundant-type-constituents -- 'all' is a reserved id, as in core's Outgoing
  readonly to: NodeId | 'all'
  readonly message: PlainObject
}

/** What an engine is given. */
export type Input =
  | { readonly type: 'receive'; readonly from: NodeId; readonly message: PlainObject }
  /** The `count`-th use of a command, from 0. */
  | { readonly type: 'command'; readonly name: string; readonly count: number }
  | { readonly type: 'saved' }
  /** It was created just now. For those that do something then. */
  | { readonly type: 'start' }

/** A value in a slot; a single decree is slot 1. */
export interface Learnt {
  readonly slot: number
  readonly value: Plain
}

/** What an acceptor has accepted. */
export interface Acceptance extends Learnt {
  readonly ballot: Ballot
  /** As which incarnation, where a node has more than one. */
  readonly incarnation?: string
}

/** Who has accepted something. */
export type Vote = Required<Pick<Acceptance, 'incarnation'>> & { readonly id: NodeId }

/** What is on the disk of a node. */
export interface Stored {
  readonly promised: Ballot | null
  readonly accepted: readonly Acceptance[]
  readonly chosenThrough: number
  /** Whether it was let in to vote; for nodes whose disks may be lost. */
  readonly admitted?: boolean
}

/** A change of it, and what may leave once it is durable. */
export interface PlainSave {
  readonly change: Partial<Stored>
  readonly then: readonly Sent[]
}

/** What an engine answers. */
export interface Reaction {
  readonly send: readonly Sent[]
  readonly save: PlainSave | null
  readonly learnt: readonly Learnt[]
}

/** A running object of core. */
export interface Engine {
  /** The object itself: its structure is its state. */
  readonly subject: object
  react(input: Input): Reaction
  /** Whether it makes sense to use a command now. Default: always. */
  canUse?(command: string): boolean
  /** What a trace shows of it. */
  view(): string
  /**
   * What of its state decides what it does from now on: a folded exploration takes states of a node
   * for one where this is equal. It is a claim, which the exploration checks. Default: all of
   * `subject`, but for the order of Maps and Sets and which parts are one and the same object.
   */
  likeness?(): string
  /**
   * Whether this message will never again change anything here, whatever comes and however often
   * the node crashes: a folded exploration forgets that it was sent. A claim as well. Default: no.
   */
  ignores?(from: NodeId, message: PlainObject): boolean
}

/** One node of a model. */
export interface NodeModel {
  readonly id: NodeId
  /** After a start and after each restart, from what was durable; its disk was lost `lives` times. */
  create(stored: Stored, lives: number): Engine
  /** Its engines are given 'start' first. */
  readonly starts?: boolean
  /** What is on its disk at the beginning. Default: nothing. */
  readonly begins?: Stored
  /** How often it may lose its disk. Default: never. */
  readonly wipes?: number
  /** What it is called between one loss of its disk and the next, where that counts. */
  incarnation?(lives: number): string
  /** What may be done to it from outside, each so many times in its life. */
  readonly commands: readonly { readonly name: string; readonly times: number }[]
  /** How often it may crash; Infinity when as often as it likes. */
  readonly crashes: number
  /**
   * 'at once': what it saves is durable when it answers; a crash may come before the answer leaves.
   * 'later': saves are durable in a step of their own, and other steps may come between.
   */
  readonly saves: 'at once' | 'later'
  /**
   * Where saves are durable at once: whether a crash before an answer leaves is a step of its own. It
   * leads nowhere where a crash behind the answer, which nobody hears, does not. Default: it is.
   */
  readonly swallows?: boolean
  /**
   * It sends nothing and nobody depends on it, so that when it hears of something changes nothing
   * for the others: it is enough to ask what it could say of all messages that are there.
   */
  readonly isObserver?: boolean
  /**
   * By which quorums it learns from 'accepted' messages: as soon as it has heard, in one life, that a
   * phase 2 quorum of them has accepted at one ballot, it must say what is chosen, whatever else it
   * heard before and between. Default: it does not learn from them.
   */
  readonly learnsBy?: QuorumSystem
}

/** Nodes, and what must be true of them. */
export interface Model {
  readonly name: string
  /** The configuration, in words. */
  readonly description: string
  /** Written into a saved trace, so that the same model can be made again. */
  readonly options: Plain
  readonly nodes: readonly NodeModel[]
  /** Who decides each slot, unless `decides` says it. */
  readonly quorums: QuorumSystem
  /** Whether those who have accepted a value at one ballot decide a slot, behind those chosen values. */
  decides?(votes: readonly Vote[], below: readonly string[]): boolean
  /** Every value that is proposed by anybody. */
  readonly values: readonly Plain[]
  /** Those of them of which each is chosen in some run. */
  readonly choosable: readonly Plain[]
  /** Nodes that are alike but for their names. */
  readonly interchangeable: readonly NodeId[]
  /** Objects that all engines share and nobody changes. */
  readonly constants: readonly object[]
}

/** The disk of a node that has saved nothing. */
export const NOTHING_STORED: Stored = { promised: null, accepted: [], chosenThrough: 0 }

/** A disk that took the place of one that was lost. */
export const EMPTY_DISK: Stored = { ...NOTHING_STORED, admitted: false }

/** What core takes up after a restart. */
export function savedOf<V>(stored: Stored, valueOf: (value: Plain) => V): Saved<V> {
  const accepted = stored.accepted.map(({ slot, ballot, value }) => ({
    slot,
    ballot,
    value: valueOf(value),
  }))
  return {
    promised: stored.promised,
    accepted,
    chosenThrough: stored.chosenThrough,
    snapshot: null,
    ...(stored.admitted !== undefined && { admitted: stored.admitted }),
  }
}

/** `2 nodes`, for descriptions. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A value that is text. */
export function textIn(value: Plain): string {
  if (typeof value !== 'string') throw new TypeError('The value is no text.')
  return value
}
