/**
 * Carries frames over WebSockets. Bundlers for browsers take browser.ts instead.
 */
export type {
  LinkStats as WebSocketStats,
  LinkTransport as WebSocketTransport,
} from '@paxos/adapter-kit/links'
export type {
  SocketLinkOptions as WebSocketOptions,
  SocketTransport as NodeWebSocketTransport,
  TlsOptions,
} from '@paxos/adapter-kit/sockets'
export { fromUrl, webSocket } from './web-socket.ts'
