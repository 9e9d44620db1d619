/**
 * Makes a transport of a medium that moves datagrams: what it must bring is in medium.ts.
 */
export type { DatagramAuthentication } from './authentication.ts'
export { datagrams } from './datagrams.ts'
export type { DatagramOptions, DatagramStats, DatagramTransport } from './datagrams.ts'
export type { DatagramMedium, DatagramPort, Route } from './medium.ts'
