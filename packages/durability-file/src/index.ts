/**
 * State in files: `file()` is the durability adapter of an acceptor, `DurableObject` one value that
 * is replaced as a whole.
 */
export {
  MAX_CHANGE_BYTES,
  MAX_OBJECT_BYTES,
  MAX_SNAPSHOT_BYTES,
  type Codec,
} from '@paxos/adapter-kit/stores'
export { DurableObject, type DurableObjectOptions } from './durable-object.ts'
export { file, type FileOptions } from './file.ts'
export { fromUrl } from './url.ts'
