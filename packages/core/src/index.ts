/**
 * What everything else is made of: ballots, messages, quorums, effects, errors, and the contracts
 * of the adapters. The algorithms are entry points of their own: read `essential` first.
 */
export * from './admitted.ts'
export * from './arguments.ts'
export * from './ballot.ts'
export * from './claim.ts'
export * from './durability.ts'
export * from './effects.ts'
export * from './errors.ts'
export * from './identity.ts'
export * from './invariant.ts'
export * from './limits.ts'
export * from './message.ts'
export type * from './multi/messages.ts'
export { majority, requireQuorums, type QuorumSystem } from './quorum.ts'
export * from './quorum-systems.ts'
export * from './transport.ts'
