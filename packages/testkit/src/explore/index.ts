/**
 * Every state that a few nodes can reach, visited on the real classes of core.
 */
export { essentialModel } from './essential.ts'
export type { EssentialClasses, EssentialOptions } from './essential.ts'
export { explore } from './explore.ts'
export type { Exploration, ExploreOptions, Progress } from './explore.ts'
export { MEMBERS_CASES } from './members-cases.ts'
export type { MembersCase } from './members-cases.ts'
export { membersModel } from './members.ts'
export type { ChangeOptions, MemberOptions, MembersNode, MembersOptions } from './members.ts'
export type { Model, Stored } from './model.ts'
export { multiModel } from './multi.ts'
export type { LogNode, MultiOptions } from './multi.ts'
export { practicalModel } from './practical.ts'
export type { PracticalNode, PracticalOptions } from './practical.ts'
export { formatTrace, replay, tableOf } from './trace.ts'
export type { Replay, Step, Trace } from './trace.ts'
