/**
 * A line to a port of this machine that breaks and drips as a test wants: for tests of transports
 * that run on TCP. Loopback hides what real networks do; a line that breaks at a byte does not. Must
 * never change, lose or reorder a byte before it breaks.
 */
import { EventEmitter, once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** How a connection is carried. */
export interface LineManners {
  /** Resets both ends once so many bytes, of both directions together, went by. Default: never. */
  readonly resetAfterBytes?: number
  /** The bytes that go by in one turn of the loop, from 1. Default: what there is. */
  readonly pieceBytes?: number
}

/** A line, which has a port of its own on 127.0.0.1. */
export interface RoughLine {
  readonly port: number
  /** How connections are carried that come from now on. */
  behave(manners: LineManners): void
  /** How many connections it has reset. */
  readonly resets: number
  /** Resolves when it has reset one more. */
  nextReset(): Promise<void>
  /** Ends every connection. Resolves when nothing is left. */
  close(): Promise<void>
}

/** A line to `port` of 127.0.0.1 that is well-behaved at first. */
export async function roughLine(port: number): Promise<RoughLine> {
  const events = new EventEmitter()
  const sockets = new Set<Socket>()
  let manners: LineManners = {}
  let resets = 0

  function carry(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port, noDelay: true })
    const { resetAfterBytes = Infinity, pieceBytes = Infinity } = manners
    let leftBytes = resetAfterBytes
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }

    function reset(): void {
      if (near.destroyed) return
      near.resetAndDestroy()
      far.resetAndDestroy()
      resets += 1
      events.emit('reset')
    }

    async function pass(from: Socket, to: Socket): Promise<void> {
      for await (const chunk of from) {
        if (!Buffer.isBuffer(chunk)) continue
        for (let begin = 0; begin < chunk.byteLength && !to.destroyed;) {
          const piece = chunk.subarray(
            begin,
            begin + Math.min(pieceBytes, leftBytes, chunk.byteLength),
          )
          begin += piece.byteLength
          leftBytes -= piece.byteLength
          to.write(piece)
          if (begin < chunk.byteLength || leftBytes <= 0) await nextTurn()
          if (leftBytes <= 0) {
            reset()
            return
          }
        }
      }
      to.end()
    }

    if (leftBytes <= 0) far.once('connect', reset)
    // A socket that breaks ends the loop over it.
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const)
      pass(from, to).catch(() => {})
  }

  const server = createServer({ noDelay: true, allowHalfOpen: true }, carry)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    behave(next) {
      manners = next
    },
    get resets() {
      return resets
    },
    async nextReset() {
      await once(events, 'reset')
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
