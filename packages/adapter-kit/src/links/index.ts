/**
 * A transport of any medium that can listen, dial and carry whole messages. Runs everywhere: nothing
 * here, nor of what it imports, is of Node.js.
 */
export type { Clock, LinkPlatform } from './clock.ts'
export {
  CLOSE_TIMEOUT_MS,
  IDENTIFY_TIMEOUT_MS,
  MAX_HELLO_BYTES,
  MAX_MESSAGE_BYTES,
} from './limits.ts'
export { links } from './links.ts'
export type { LinkOptions, LinkTransport } from './links.ts'
export type {
  Channel,
  ChannelEvents,
  LinkHost,
  LinkMedium,
  Listening,
  OpenChannel,
  Visitor,
} from './medium.ts'
export { encodeHello, LINK_VERSION } from './packet.ts'
export type { Hello } from './packet.ts'
export { WRONG_CERTIFICATE } from './stats.ts'
export type { LinkStats } from './stats.ts'
