/**
 * Carries frames in UDP datagrams.
 */
export { fromUrl } from './from-url.ts'
export { udp } from './udp.ts'
export type { UdpAuthentication, UdpOptions, UdpStats, UdpTransport } from './udp.ts'
