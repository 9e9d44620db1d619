/** Frames as the datagrams that they travel in, for tests. */
import { cutFrame, encodeHeader } from '../src/datagram.ts'

/** The datagrams of one frame, in order. */
export function datagramsOf(
  sender: string,
  messageId: bigint,
  frame: Uint8Array,
  datagramBytes = 1_200,
): Uint8Array[] {
  const id = new TextEncoder().encode(sender)
  const { count, fragmentBytes } = cutFrame(frame.byteLength, id.byteLength, datagramBytes)
  return Array.from({ length: count }, (_, index) => {
    const payload = frame.subarray(index * fragmentBytes, (index + 1) * fragmentBytes)
    const fragment = { messageId, frameBytes: frame.byteLength, count, index, payload }
    return new Uint8Array(Buffer.concat([encodeHeader(id, fragment), payload]))
  })
}
