export type * from './medium.ts'
