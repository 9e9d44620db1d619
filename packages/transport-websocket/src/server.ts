/**
 * Those who dial us become WebSockets here, by an HTTP server that knows nothing else. Must never let
 * a stranger throw into the node.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { LinkHost } from '@paxos/adapter-kit/links'
import type { Guest } from '@paxos/adapter-kit/sockets'
import { WebSocketServer } from 'ws'
import { MAX_HEADER_BYTES } from './limits.ts'
import { maxPayload, wsChannel } from './ws-channel.ts'

/**
 * Makes a visitor of `host` of each guest that asks for a WebSocket. How long that may take, and how
 * many may be about to, is bounded where they come from.
 */
export function makeServer(host: LinkHost): (guest: Guest) => void {
  const guests = new WeakMap<object, Guest>()
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES })
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload,
  })
  server.on('request', refuseRequest)
  server.on('clientError', (_, socket: Socket) => {
    host.refused('failedHandshakes')
    socket.destroy()
  })
  server.on('upgrade', (request: IncomingMessage, stream, head) => {
    upgrader.handleUpgrade(request, stream, head, (ws) => {
      const { socket } = request
      const guest = guests.get(socket)
      // From here on it is links that bounds how many there are, and how long they take.
      guest?.identified()
      host.accept({
        open: (events) => wsChannel({ ws, socket, events }),
        provesToBe: (id) => guest?.provesToBe(id) ?? false,
        isPage: request.headers.origin !== undefined,
      })
    })
  })
  return (guest) => {
    guests.set(guest.socket, guest)
    server.emit('connection', guest.socket)
  }
}

function refuseRequest(_: IncomingMessage, response: ServerResponse): void {
  response
    .writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade, close', 'Content-Length': 0 })
    .end()
}
