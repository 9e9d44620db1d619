/**
 * The connections that were accepted and have not said who they are. Anybody can open one, so that
 * they are bounded in number and in time. Must never hold more than its limits, whoever comes.
 */
import type { Socket } from 'node:net'
import { IDENTIFY_TIMEOUT_MS, MAX_UNIDENTIFIED_CONNECTIONS } from './limits.ts'

/** Connections that have not said who they are. */
export interface WaitingRoom {
  /** Takes in `socket`, which is ended in time unless it leaves; when it is full, the oldest goes. */
  enter(socket: Socket): void
  /** The other side of `socket` is known, or gone. */
  leave(socket: Socket): void
  /** Ends them all, and whoever enters from here on. */
  close(): void
}

/** An empty room. `onExpelled` is called for each connection that had to go. */
export function waitingRoom(onExpelled: () => void): WaitingRoom {
  /** In the order of their arrival. */
  const timers = new Map<Socket, NodeJS.Timeout>()
  let isClosed = false

  function leave(socket: Socket): void {
    clearTimeout(timers.get(socket))
    timers.delete(socket)
  }

  function expel(socket: Socket): void {
    leave(socket)
    socket.destroy()
    onExpelled()
  }

  return {
    enter(socket) {
      if (isClosed) socket.destroy()
      if (socket.destroyed || timers.has(socket)) return
      const [oldest] = timers.keys()
      if (timers.size >= MAX_UNIDENTIFIED_CONNECTIONS && oldest !== undefined) expel(oldest)
      timers.set(socket, setTimeout(expel, IDENTIFY_TIMEOUT_MS, socket))
    },
    leave,
    close() {
      isClosed = true
      for (const socket of timers.keys()) {
        leave(socket)
        socket.destroy()
      }
    },
  }
}
