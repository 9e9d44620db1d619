/**
 * The sockets that grpc-js opens on behalf of one dial. grpc-js closes them politely, and a peer
 * that is silent never answers: each dial to it would leave a socket behind, until the process may
 * open no more. And it tries once more, a while after a dial has failed and was given up: if the
 * peer is up by then, nobody wants that socket, and the peer keeps it. So they are seen, by Node's
 * own diagnostics channel, to be destroyed. Where that shows none, nothing else is lost. Must never
 * touch a socket of anybody else.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'

/** What is open on behalf of one dial. */
export interface Holding {
  /** Runs `body`; what it opens is held, now and in everything that it began. */
  open<T>(body: () => T): T
  /**
   * Destroys what is held, after a turn of the loop in which the farewell of HTTP/2 can leave, and
   * from then on whatever comes late. Resolves when it is closed.
   */
  free(): Promise<void>
}

const holder = new AsyncLocalStorage<(socket: Socket) => void>()
let isSubscribed = false

/** Holds nothing yet. */
export function holding(): Holding {
  const sockets = new Set<Socket>()
  let isFreed = false

  function hold(socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // Told of before it connects: connect() would bring back to life what is destroyed by then.
    if (isFreed) process.nextTick(() => socket.destroy())
  }

  return {
    open(body) {
      if (!isSubscribed) subscribe('net.client.socket', tellHolder)
      isSubscribed = true
      return holder.run(hold, body)
    },
    async free() {
      await new Promise(setImmediate)
      isFreed = true
      await Promise.all([...sockets].map(destroy))
    },
  }
}

function tellHolder(message: unknown): void {
  const hold = holder.getStore()
  if (hold === undefined || typeof message !== 'object' || message === null) return
  if ('socket' in message && message.socket instanceof Socket) hold(message.socket)
}

function destroy(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.destroy()
  })
}
