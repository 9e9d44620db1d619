/** See pigeon.ts, where the medium is. */
export { fromUrl, pigeon } from './pigeon.ts'
