/**
 * Single-decree Paxos as it runs in practice: the roles of `essential`, with refusals,
 * retransmission, leadership, and the state that must be durable before a reply leaves.
 */
export { Acceptor } from './acceptor.ts'
export type { Answer } from './acceptor.ts'
export { Learner } from './learner.ts'
export { Node } from './node.ts'
export type { NodeOptions } from './node.ts'
export { Proposer } from './proposer.ts'
export type { Attempt } from './proposer.ts'
