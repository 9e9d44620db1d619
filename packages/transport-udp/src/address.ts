/** Addresses: `udp://host:port`. */
import { addressScheme } from '@paxos/adapter-kit/addresses'

/** Reads and writes them. */
export const addresses = addressScheme('UDP', 'udp')
