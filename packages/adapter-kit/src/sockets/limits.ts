/**
 * Every limit of the sockets, with the reason for its number. Each is per transport, or per
 * connection where it says so.
 */
export {
  CLOSE_TIMEOUT_MS,
  IDENTIFY_TIMEOUT_MS,
  MAX_HELLO_BYTES as MAX_UNIDENTIFIED_BYTES,
  MAX_MESSAGE_BYTES,
} from '../links/limits.ts'

/**
 * Accepted connections that have not said who they are; beyond that the oldest is closed. More
 * than any cluster has peers; with what the system reads at once, some 10 MiB.
 */
export const MAX_UNIDENTIFIED_CONNECTIONS = 128

/**
 * How long one of several addresses of a name may take to connect before the next is tried: a slow
 * one is as far as the other side of the world, and a dead one leaves time for others within
 * IDENTIFY_TIMEOUT_MS. Node's own 250 ms would never reach a slow one that is not the last.
 */
export const ADDRESS_TIMEOUT_MS = 2_000

/**
 * Look-ups of names at one time. Each takes one of the four threads that Node.js has for files and
 * all else; with a silent name server it keeps it for half a minute.
 */
export const MAX_LOOKUPS = 2

/**
 * How long close() waits for look-ups: one that is about to end does so. They cannot be cancelled,
 * and with a silent name server they keep the process alive for half a minute; close() does not wait
 * for that, and a host that wants its process to end then has to say so.
 */
export const CLOSE_LOOKUP_MS = 100
