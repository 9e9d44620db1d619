/**
 * What the tests of leases and of who leads next begin with: a world in which a leads three voters
 * with a lease, and one node alone that has followed a leader. Each machine's clock runs as fast as
 * the test says.
 */
import type { Ballot, NodeId, Saved } from '@paxos/core'
import { EMPTY_SAVED } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import type { Configuration, LogEffects, LogEvent, MultiPaxosOptions } from '@paxos/core/multi'
import { member, MembersWorld } from './members-world.ts'
import type { Packet, Wanted } from './members-world.ts'
import { accept, heartbeat, instantly, only, prepare } from './one-node.ts'
import type { Carried, MessageOf } from './one-node.ts'
import { at } from '../messages.ts'

export type Lease = NonNullable<Configuration['lease']>

export const LEASE: Lease = { durationMs: 100, maxDriftPpm: 100_000 }

/** So long that nobody takes over, nor steps down, but when the test says so. */
export const PATIENT: Partial<MultiPaxosOptions> = { livenessWindowMs: 50_000 }

export interface LeasedOptions {
  readonly lease?: Lease | undefined
  readonly rates?: Readonly<Record<NodeId, number>>
  readonly spare?: readonly NodeId[]
  readonly options?: Partial<MultiPaxosOptions>
  readonly first?: Pick<Wanted, 'priorities'>
}

/** a leads a, b and c, and everything is chosen, stored and known. With a lease it has that. */
export function leasedWorld({
  lease,
  rates = {},
  spare = [],
  options = PATIENT,
  first = {},
}: LeasedOptions = {}): MembersWorld {
  const world = new MembersWorld(['a', 'b', 'c'], spare, 1, options, { ...first, lease })
  for (const [id, rate] of Object.entries(rates)) {
    world.crash(id)
    world.setRate(id, rate)
    world.start(id)
  }
  world.exhaust()
  world.lead('a')
  world.exhaust()
  world.propose()
  world.settle(() => world.engine('a').room.values > 0 && world.engine('a').slotsInFlight === 0)
  world.settle(() => world.engine('a').hasLease === (lease !== undefined))
  return world
}

/** What one input of a node led to, carried out. */
export function input(world: MembersWorld, id: NodeId, effects: LogEffects): readonly LogEvent[] {
  world.carryOut(id, effects)
  return effects.events
}

/** Those of one type that leave from now on, and go on their way. */
export function watch(
  world: MembersWorld,
  ...types: readonly Packet['message']['type'][]
): Packet[] {
  const seen: Packet[] = []
  const before = world.passes
  world.passes = (packet) => {
    if (types.some((type) => type === packet.message.type)) seen.push(packet)
    return before(packet)
  }
  return seen
}

/** From now on nothing of these leaves, nor comes in. */
export function cutOff(world: MembersWorld, ...ids: readonly NodeId[]): void {
  world.passes = ({ from, to }) => !ids.includes(from) && !ids.includes(to)
}

// -------------------------------------------------------------------- one acceptor alone

export const L1: Ballot = at(1, 'b')

export function configurationOf(
  lease: Lease | undefined,
  rest: Partial<Configuration> = {},
): Configuration {
  return {
    version: 0,
    members: ['a', 'b', 'c'].map((id) => member(id, null)),
    quorums: { type: 'majority' },
    former: [],
    ...(lease !== undefined && { lease }),
    ...rest,
  }
}

export function acceptorA(
  lease: Lease | undefined = LEASE,
  options: Partial<MultiPaxosOptions> = {},
): MultiPaxos {
  const configuration = configurationOf(lease)
  return new MultiPaxos({ id: 'a', configuration, random: () => 0.5, ...PATIENT, ...options })
}

export const promised = (ballot: Ballot): Saved => ({ ...EMPTY_SAVED, promised: ballot })

/** Node a, that follows b, which leads with L1, at 0 ms. */
export function followingA(lease?: Lease, options?: Partial<MultiPaxosOptions>): MultiPaxos {
  const node = acceptorA(lease, options)
  node.tick(0)
  instantly(node, node.receive('b', accept(L1, 1, 1, ['x'])))
  return node
}

function question(
  ballot: Ballot,
  rest: Partial<MessageOf<'logHeartbeat'>> = {},
): MessageOf<'logHeartbeat'> {
  return { ...heartbeat(ballot, 1, 1), leaseAt: 7, leaseMs: LEASE.durationMs, ...rest }
}

/** Whether node a gives its word to whoever asks so. */
export function gives(
  node: MultiPaxos,
  ballot: Ballot = L1,
  rest: Partial<MessageOf<'logHeartbeat'>> = {},
): boolean {
  const { sent } = instantly(node, node.receive(ballot.node, question(ballot, rest)))
  return only(sent, 'logHeartbeatAnswer').some(({ message }) => message.leaseAt !== undefined)
}

/** Whether it promises `ballot`, by this question. */
export function promises(
  node: MultiPaxos,
  ballot: Ballot,
  rest: Partial<MessageOf<'logPrepare'>> = {},
): boolean {
  return hasPromised(
    instantly(node, node.receive(ballot.node, { ...prepare(ballot, 1), ...rest })),
    ballot,
  )
}

function hasPromised({ sent }: Carried, ballot: Ballot): boolean {
  return only(sent, 'logPromise').some(({ message }) => message.ballot.round === ballot.round)
}
