/**
 * Frames on a stream of bytes: each behind its length, in four bytes, big-endian. The first frame of a
 * connection is the sender's id. Must never hold more than one frame, whatever a length says.
 */
import { MAX_FRAME_BYTES, MAX_ID_BYTES } from '@paxos/core'

const LENGTH_BYTES = 4

/** A copy of `frame` behind its length. */
export function pack(frame: Uint8Array): Buffer {
  const packed = Buffer.alloc(LENGTH_BYTES + frame.byteLength)
  packed.writeUInt32BE(frame.byteLength)
  packed.set(frame, LENGTH_BYTES)
  return packed
}

/** The frames in `chunks`, in memory of their own. Throws for a length that is not believed. */
export async function* framesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let [waiting, maxBytes] = [Buffer.alloc(0), MAX_ID_BYTES]
  for await (const chunk of chunks) {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= LENGTH_BYTES) {
      const length = waiting.readUInt32BE()
      if (length > maxBytes) throw new RangeError(`A frame of ${length} bytes is not believed.`)
      if (waiting.length < LENGTH_BYTES + length) break
      yield new Uint8Array(waiting.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
      waiting = waiting.subarray(LENGTH_BYTES + length)
      maxBytes = MAX_FRAME_BYTES
    }
  }
}
