/**
 * Carries frames in UDP datagrams.
 */
export { udp } from './udp.ts'
export type { UdpOptions, UdpStats, UdpTransport } from './udp.ts'
