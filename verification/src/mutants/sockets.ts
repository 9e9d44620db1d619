/**
 * Mistakes in the kit's sockets: in its framing, its room for strangers, its certificates and its
 * look-ups. Each would be in every transport over TCP.
 */
import type { Mutant } from './mutant.ts'

const SOCKETS = 'packages/adapter-kit/src/sockets'

/** A mutant that a test of the kit catches. */
function mutant(
  name: string,
  file: string,
  [from, to]: readonly [from: string, to: string],
  test: string,
): Mutant {
  return {
    name: `sockets: ${name}`,
    file: `${SOCKETS}/${file}`,
    from,
    to,
    caughtBy: [{ type: 'tests', file: `sockets/${test}` }],
  }
}

export const SOCKET_MUTANTS: readonly Mutant[] = [
  mutant(
    'a length that comes in two pieces is read wrongly',
    'framing.ts',
    ['header.set(part, headerBytes)', 'header.set(part)'],
    'framing.test.ts',
  ),
  mutant(
    'a message without bytes waits for the next one',
    'framing.ts',
    [' || body?.byteLength === 0)', ')'],
    'framing.test.ts',
  ),
  mutant(
    'a length above the maximum is believed',
    'framing.ts',
    ['if (length > maxBytes()) {', 'if (length > maxBytes() && length > 2 ** 31) {'],
    'framing.test.ts',
  ),
  mutant(
    'small messages share the memory of a pool',
    'framing.ts',
    ['new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)', 'Buffer.allocUnsafe(bytes)'],
    'framing.test.ts',
  ),
  mutant(
    'a stranger may bring messages of any number',
    'stream-channel.ts',
    ['      unknownBytes += LENGTH_BYTES\n', ''],
    'stream-channel.test.ts',
  ),
  mutant(
    'a peer that is known is cut off after as many bytes as a stranger',
    'stream-channel.ts',
    ['      unknownBytes = null\n', ''],
    'stream-channel.test.ts',
  ),
  mutant(
    'a channel takes more than the other side reads',
    'stream-channel.ts',
    [' && stream.writable && !stream.writableNeedDrain', ' && stream.writable'],
    'stream-channel.test.ts',
  ),
  mutant(
    'a goodbye that nobody answers holds a channel for ever',
    'stream-channel.ts',
    ['    closeTimer = setTimeout(destroy, CLOSE_TIMEOUT_MS)\n', ''],
    'stream-channel.test.ts',
  ),
  mutant(
    'connections without a name have no bound',
    'waiting-room.ts',
    ['if (timers.size >= MAX_UNIDENTIFIED_CONNECTIONS && oldest !== undefined) expel(oldest)', ''],
    'sockets.test.ts',
  ),
  mutant(
    'connections without a name have all the time',
    'waiting-room.ts',
    ['setTimeout(expel, IDENTIFY_TIMEOUT_MS, socket)', 'setTimeout(() => {}, 0)'],
    'sockets.test.ts',
  ),
  mutant(
    'a connection that is gone holds a place of those who have not said their name',
    'listen.ts',
    ["    raw.once('close', () => room.leave(raw))\n", ''],
    'sockets.test.ts',
  ),
  mutant(
    'a certificate proves to be whoever is claimed',
    'listen.ts',
    [
      'accept(guestOf(raw, socket, (id) => isCertified(socket, id)))',
      'accept(guestOf(raw, socket, () => true))',
    ],
    'sockets.test.ts',
  ),
  mutant(
    'a connection outlives the certificate of who has dialled',
    'listen.ts',
    ['      host.warn(EXPIRED)\n      socket.destroy()\n', '      host.warn(EXPIRED)\n'],
    'sockets.test.ts',
  ),
  mutant(
    'a connection outlives the certificate of who was dialled',
    'dial.ts',
    ['      onProblem(EXPIRED)\n      socket.destroy()\n', '      onProblem(EXPIRED)\n'],
    'sockets.test.ts',
  ),
  mutant(
    'a peer is reached whose certificate names another',
    'tls.ts',
    [
      'if (problem !== undefined || !isMutual || isCertificateOf(certificate, peer)) return problem',
      'if (problem !== undefined || peer !== null) return problem',
    ],
    'tls.test.ts',
  ),
  mutant(
    'who expects TLS is dialled in the clear',
    'sockets.ts',
    ['return address.isSecure === (credentials !== null) ? address : null', 'return address'],
    'sockets.test.ts',
  ),
  mutant(
    'after so many look-ups there is never another',
    'lookups.ts',
    ['      running -= 1\n', ''],
    'lookups.test.ts',
  ),
  mutant(
    'a name is looked up once in a life',
    'lookups.ts',
    ['      pending.delete(host)\n', ''],
    'lookups.test.ts',
  ),
  mutant(
    'a look-up begins after close',
    'lookups.ts',
    ['    if (isClosed) return new Promise(() => {})\n', ''],
    'lookups.test.ts',
  ),
]
