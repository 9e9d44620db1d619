/**
 * Connections as a client that means no good has them: bytes as they are typed, and nothing read
 * unless it is asked for.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Connection {
  readonly socket: Socket
  /** Resolves when the other side has closed it. */
  readonly closed: Promise<void>
  /** Resolves with everything that was received once `is` holds of it, or it is closed. */
  readonly received: (is: (text: string) => boolean) => Promise<string>
}

export interface ConnectionOptions {
  readonly reads?: boolean
  /** An address of this machine: it has all that begin with 127. */
  readonly localAddress?: string
}

/** A connection to the server at `url` that stands. It is cut when the test is over. */
export async function connection(
  url: string,
  { reads = true, localAddress = '127.0.0.1' }: ConnectionOptions = {},
): Promise<Connection> {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, localAddress })
  onTestFinished(() => {
    socket.destroy()
  })
  let text = ''
  if (reads) socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  return {
    socket,
    closed,
    received: async (is) => {
      while (!is(text) && !socket.closed) await Promise.race([once(socket, 'data'), closed])
      return text
    },
  }
}

/** A GET as it is sent. */
export function get(path: string, host = 'node'): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
}

/** The statuses in what was received, in order. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}
