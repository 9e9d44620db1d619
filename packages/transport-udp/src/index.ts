/**
 * Carries frames in UDP datagrams.
 */
export type { UdpAuthentication } from './authentication.ts'
export { fromUrl } from './from-url.ts'
export { udp } from './udp.ts'
export type { UdpOptions, UdpStats, UdpTransport } from './udp.ts'
