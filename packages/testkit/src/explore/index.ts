/**
 * Every state that small clusters can reach, looked at one by one.
 */
export { essentialModel } from './essential.ts'
export type { EssentialOptions } from './essential.ts'
export { explore, replay, tableOf } from './explore.ts'
export type {
  Action,
  Explored,
  ExploredTrace,
  ExploreOptions,
  Model,
  TraceStep,
} from './explore.ts'
export { multiModel, optionsOf } from './multi.ts'
export type { MultiOptions } from './multi.ts'
export { practicalModel } from './practical.ts'
export type { PracticalOptions } from './practical.ts'
