/**
 * Carries frames over WebSockets. Bundlers for browsers take browser.ts instead.
 */
export type { WebSocketStats } from './stats.ts'
export type { TlsOptions } from './tls.ts'
export type { WebSocketTransport } from './transport.ts'
export { fromUrl, webSocket } from './web-socket.ts'
export type { NodeWebSocketTransport, WebSocketOptions } from './web-socket.ts'
