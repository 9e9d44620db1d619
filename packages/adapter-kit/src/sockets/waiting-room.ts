/**
 * The connections that were accepted and have not said who they are. Anybody can open one, so that
 * they are bounded in number and in time. Must never hold more than its limits, whoever comes.
 */
import type { Socket } from 'node:net'
import { CLOSE_TIMEOUT_MS, IDENTIFY_TIMEOUT_MS, MAX_UNIDENTIFIED_CONNECTIONS } from './limits.ts'

/** Connections that have not said who they are. */
export interface WaitingRoom {
  /** Takes in `socket`, which is ended in time unless it leaves; when it is full, the oldest goes. */
  enter(socket: Socket): void
  /** The other side of `socket` is known, or gone. */
  leave(socket: Socket): void
  /**
   * Ends them all. Whoever enters from here on was known until now, and is left a moment to say
   * goodbye.
   */
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

  function end(socket: Socket): void {
    leave(socket)
    socket.destroy()
  }

  function expel(socket: Socket): void {
    end(socket)
    onExpelled()
  }

  return {
    enter(socket) {
      if (socket.destroyed || timers.has(socket)) return
      if (isClosed) {
        timers.set(socket, setTimeout(end, CLOSE_TIMEOUT_MS, socket))
        return
      }
      const [oldest] = timers.keys()
      if (timers.size >= MAX_UNIDENTIFIED_CONNECTIONS && oldest !== undefined) expel(oldest)
      timers.set(socket, setTimeout(expel, IDENTIFY_TIMEOUT_MS, socket))
    },
    leave,
    close() {
      isClosed = true
      for (const socket of timers.keys()) end(socket)
    },
  }
}
