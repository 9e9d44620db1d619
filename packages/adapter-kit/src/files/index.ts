/** What disks in Node have in common: locks, files, directories, and what their errors mean. */
export { errorCode } from '../error-code.ts'
export { BLOCK_BYTES } from './block.ts'
export {
  identityOf,
  missingParent,
  openFile,
  openSynchronous,
  syncDirectory,
  syncIfAllowed,
  writeWhole,
} from './disk.ts'
export { emitWarning, exposureOf, warnOfOthers } from './exposure.ts'
export { SYSTEM_SENTENCES } from './failure.ts'
export { lockBeside, lockDirectory, lockedError } from './lock.ts'
