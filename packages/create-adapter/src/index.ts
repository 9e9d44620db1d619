/** What the command writes, for whoever writes it elsewhere. */
export { adapterFiles } from './files.ts'
export type { AdapterOptions } from './files.ts'
export { KINDS } from './kind.ts'
export type { Kind } from './kind.ts'
export { UsageError } from './names.ts'
