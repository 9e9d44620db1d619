/**
 * Addresses of a host and a port, for adapters: `scheme://host:port`, where host is an IPv4 address,
 * an IPv6 address in brackets, or a name. Runs in browsers.
 */
export { addressScheme } from './scheme.ts'
export type { AddressScheme, HostAddress } from './scheme.ts'
