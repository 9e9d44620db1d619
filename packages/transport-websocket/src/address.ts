/** How a WebSocket address is written: `ws://host:port`, or `wss://host:port` over TLS. */
import { addressScheme } from '@paxos/adapter-kit/addresses'

/** Runs in browsers. */
export const SCHEME = addressScheme('WebSocket', 'ws', 'wss')

/** For whoever wrote an address that cannot be dialled. */
export const ADDRESS_HINT = `Write ${SCHEME.example}, and of one kind on all nodes.`
