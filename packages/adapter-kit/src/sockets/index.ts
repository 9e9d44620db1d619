/**
 * What adapters over TCP share: sockets with TLS or without, and a channel over any stream of bytes.
 */
export { addressScheme } from '../addresses/index.ts'
export type { AddressScheme, HostAddress } from '../addresses/index.ts'
export type { DialledSocket } from './dial.ts'
export { explainBind } from './listen.ts'
export type { Guest } from './listen.ts'
export { makeLookups } from './lookups.ts'
export type { Lookups } from './lookups.ts'
export { EXPIRED, problemOf } from './problem.ts'
export { WRONG_CERTIFICATE } from '../links/stats.ts'
export { makeSockets, requireUrl } from './sockets.ts'
export type { SocketOptions, Sockets } from './sockets.ts'
export { streamChannel } from './stream-channel.ts'
export type { StreamChannelOptions } from './stream-channel.ts'
export { identityError } from './tls.ts'
export type { Credentials, TlsOptions } from './tls.ts'
export { watchCertificate } from './validity.ts'
