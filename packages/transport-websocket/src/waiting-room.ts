/**
 * The connections that were accepted and are no WebSocket yet. Anybody can open one, so that they
 * are bounded in number and in time. Must never hold more than its limits, whoever comes.
 */
import type { Socket } from 'node:net'
import { IDENTIFY_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import { MAX_UNIDENTIFIED_CONNECTIONS } from './limits.ts'

/** Connections that have not said who they are. */
export interface WaitingRoom {
  /** Takes in `socket`, which is ended in time unless it leaves; when it is full, the oldest goes. */
  enter(socket: Socket): void
  /** The other side of `socket`, or of the one that TLS has put on it, is known. */
  leave(socket: Socket): void
  /** Ends them all. */
  clear(): void
}

interface Guest {
  readonly socket: Socket
  readonly timer: NodeJS.Timeout
}

/** An empty room. `onExpelled` is called for each connection that had to go. */
export function waitingRoom(onExpelled: () => void): WaitingRoom {
  const guests = new Map<string, Guest>()

  function remove(name: string): Guest | undefined {
    const guest = guests.get(name)
    clearTimeout(guest?.timer)
    guests.delete(name)
    return guest
  }

  function expel(name: string): void {
    remove(name)?.socket.destroy()
    onExpelled()
  }

  return {
    enter(socket) {
      const name = nameOf(socket)
      if (name === null) {
        socket.destroy()
        return
      }
      const [oldest] = guests.keys()
      if (guests.size >= MAX_UNIDENTIFIED_CONNECTIONS && oldest !== undefined) expel(oldest)
      const timer = setTimeout(expel, IDENTIFY_TIMEOUT_MS, name)
      const guest = { socket, timer }
      guests.set(name, guest)
      socket.once('close', () => {
        if (guests.get(name) === guest) remove(name)
      })
    },
    leave(socket) {
      const name = nameOf(socket)
      if (name !== null) remove(name)
    },
    clear() {
      for (const name of guests.keys()) remove(name)?.socket.destroy()
    },
  }
}

/**
 * What a socket and the one that TLS puts on it have in common, and no other has meanwhile; `null`
 * when it is closed.
 */
function nameOf({ remoteAddress, remotePort }: Socket): string | null {
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort}`
}
