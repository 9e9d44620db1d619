/**
 * The rule for the connections of a pair of nodes, which needs no coordination:
 *
 * 1. The node with the smaller id dials at once. The other leaves it to that node for a moment, and
 *    dials as well if nothing has come: the first may not be able to, for a page in a browser has
 *    no address and a firewall may let nothing in. A page dials at once, whatever its id. Nobody
 *    dials while there is a connection.
 * 2. A node takes a connection from either side, and sends on the newest that it has: who dials has
 *    no connection that it knows to be alive, so that what came before is dead, or as new.
 * 3. If there are two, the node with the smaller id, and only that one, closes the older. Each goes
 *    on receiving from what is being closed, and what was sent before the goodbye arrives before it.
 *
 * Why it holds: only one node closes what works, so that the two cannot close one connection each;
 * it keeps its newest, so that it never closes its last; and who has no connection dials, so that
 * the two never wait for each other. A frame given to a connection that a goodbye ends is read by
 * the other side before it answers the goodbye. test/links/pair-exploration.test.ts visits every
 * state that two nodes can reach.
 *
 * Pure: it says what to do, and must know neither time nor medium.
 */
import { compareBallots } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { MAX_CONNECTIONS_PER_PEER } from './limits.ts'

/** What a node is to the other. */
export interface PairRole {
  /** Whether it is for this node to close one of two connections. */
  readonly decides: boolean
  readonly dials: 'at-once' | 'after-patience' | 'never'
}

/** What a node knows of its connections with one peer. */
export interface PairState<C> {
  /** Those that are identified and not closed; the newest last. */
  readonly connections: readonly C[]
  readonly dial: 'none' | 'waiting' | 'under-way'
  readonly isOver: boolean
}

/** What happened. */
export type PairInput<C> =
  /** The peer is in the address book from now on. */
  | { readonly type: 'begun' }
  /** What `wait` asked for is over. */
  | { readonly type: 'waited' }
  /** Both sides of a connection know each other. */
  | { readonly type: 'identified'; readonly connection: C; readonly isDialled: boolean }
  /** What was dialled has closed before that. */
  | { readonly type: 'dial-failed' }
  /** A connection that was identified has closed. */
  | { readonly type: 'closed'; readonly connection: C }
  /** There will be no other connection. Those that there are stay. */
  | { readonly type: 'ended' }

/** What is to be done about it, in this order. */
export type PairAction<C> =
  | { readonly type: 'dial' }
  /** Wait, and say `waited`: for the other side to dial, or after a failure. */
  | { readonly type: 'wait'; readonly for: 'patience' | 'retry' }
  | { readonly type: 'stop-waiting' }
  /** Give up the dial that is under way. */
  | { readonly type: 'stop-dialling' }
  /** Close, and receive what comes until it is closed. */
  | { readonly type: 'retire'; readonly connection: C }
  /** End at once. */
  | { readonly type: 'destroy'; readonly connection: C }

/** What comes of an input. */
export interface PairStep<C> {
  readonly state: PairState<C>
  readonly actions: readonly PairAction<C>[]
}

/** Nothing has happened yet. */
export const NEW_PAIR: PairState<never> = { connections: [], dial: 'none', isOver: false }

/** What the node `self` is to `peer`. */
export function pairRole(
  self: NodeId,
  peer: NodeId,
  isDialable: boolean,
  isHidden: boolean,
): PairRole {
  const decides = compareBallots({ round: 1, node: self }, { round: 1, node: peer }) < 0
  if (!isDialable) return { decides, dials: 'never' }
  return { decides, dials: decides || isHidden ? 'at-once' : 'after-patience' }
}

/** The connection that frames are sent on: the newest that is open. */
export function sendsOn<C>(
  connections: readonly C[],
  isOpen: (connection: C) => boolean,
): C | undefined {
  return connections.findLast(isOpen)
}

/** One step. */
export function step<C>(role: PairRole, state: PairState<C>, input: PairInput<C>): PairStep<C> {
  switch (input.type) {
    case 'begun':
      if (role.dials === 'at-once') return dial(state)
      return role.dials === 'never' ? { state, actions: [] } : wait(state, 'patience')
    case 'waited':
      return dial(state)
    case 'identified':
      return identified(role, state, input.connection, input.isDialled)
    case 'dial-failed':
      return dialAgain(role, { ...state, dial: 'none' })
    case 'closed':
      return dialAgain(role, {
        ...state,
        connections: state.connections.filter((connection) => connection !== input.connection),
      })
    case 'ended':
      return {
        state: { ...state, dial: 'none', isOver: true },
        actions: state.dial === 'under-way' ? [{ type: 'stop-dialling' }] : stopWaiting(state),
      }
  }
}

function identified<C>(
  { decides }: PairRole,
  state: PairState<C>,
  connection: C,
  isDialled: boolean,
): PairStep<C> {
  const older = state.connections
  const excess = older.slice(0, Math.max(0, older.length + 1 - MAX_CONNECTIONS_PER_PEER))
  return {
    state: {
      ...state,
      connections: [...older, connection],
      dial: isDialled || state.dial === 'waiting' ? 'none' : state.dial,
    },
    actions: [
      ...stopWaiting(state),
      ...(decides ? older.map((each) => ({ type: 'retire', connection: each }) as const) : []),
      ...excess.map((each) => ({ type: 'destroy', connection: each }) as const),
    ],
  }
}

function dialAgain<C>(role: PairRole, state: PairState<C>): PairStep<C> {
  const isNeeded = !state.isOver && state.connections.length === 0 && state.dial === 'none'
  return isNeeded && role.dials !== 'never' ? wait(state, 'retry') : { state, actions: [] }
}

function dial<C>(state: PairState<C>): PairStep<C> {
  return { state: { ...state, dial: 'under-way' }, actions: [{ type: 'dial' }] }
}

function wait<C>(state: PairState<C>, reason: 'patience' | 'retry'): PairStep<C> {
  return { state: { ...state, dial: 'waiting' }, actions: [{ type: 'wait', for: reason }] }
}

function stopWaiting<C>(state: PairState<C>): readonly PairAction<C>[] {
  return state.dial === 'waiting' ? [{ type: 'stop-waiting' }] : []
}
