/** Messages in as few words as the papers use. Must stay plain data, as `message.ts` defines it. */
import type {
  AcceptedMessage,
  AcceptMessage,
  Ballot,
  ChosenMessage,
  HeartbeatMessage,
  NackMessage,
  NodeId,
  PrepareMessage,
  ProclamationMessage,
  PromiseMessage,
  Proposal,
  ProposeMessage,
} from '@paxos/core'

export const at = (round: number, node: NodeId = 'a'): Ballot => ({ round, node })

export const proposal = <V>(ballot: Ballot, value: V): Proposal<V> => ({ ballot, value })

export const prepare = (ballot: Ballot): PrepareMessage => ({ type: 'prepare', ballot })

export const promise = <V>(
  ballot: Ballot,
  accepted: Proposal<V> | null = null,
): PromiseMessage<V> => ({ type: 'promise', ballot, accepted })

export const accept = <V>(ballot: Ballot, value: V): AcceptMessage<V> => ({
  type: 'accept',
  ballot,
  value,
})

export const accepted = <V>(ballot: Ballot, value: V): AcceptedMessage<V> => ({
  type: 'accepted',
  ballot,
  value,
})

export const nack = (ballot: Ballot, promised: Ballot): NackMessage => ({
  type: 'nack',
  ballot,
  promised,
})

export const chosen = <V>(ballot: Ballot, value: V): ChosenMessage<V> => ({
  type: 'chosen',
  ballot,
  value,
})

export const propose = <V>(value: V): ProposeMessage<V> => ({ type: 'propose', value })

export const heartbeat = (ballot: Ballot, isChosen = false): HeartbeatMessage => ({
  type: 'heartbeat',
  ballot,
  chosen: isChosen,
})

export const proclamation = (ballot: Ballot, isChosen = false): ProclamationMessage => ({
  type: 'proclamation',
  ballot,
  chosen: isChosen,
})
