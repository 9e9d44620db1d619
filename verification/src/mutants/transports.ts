/**
 * Mistakes in the transports. The conformance suite must see them, as every transport passes it; a
 * test of the transport's own only what is special to its wire: keys, certificates, fragments.
 */
import type { Mutant } from './mutant.ts'

const MEMORY = 'packages/transport-memory/src'
const DATAGRAMS = 'packages/adapter-kit/src/datagrams'
const GRPC = 'packages/transport-grpc/src'

const BY_CONFORMANCE = [{ type: 'conformance' }] as const
const BY_DATAGRAM_CONFORMANCE = [{ type: 'tests', file: 'datagrams/conformance.test.ts' }] as const
const BY_RESTARTS = [{ type: 'tests', file: 'datagrams/restarts.test.ts' }] as const

export const TRANSPORT_MUTANTS: readonly Mutant[] = [
  {
    name: 'transport-memory: sender and receiver share the bytes of a frame',
    file: `${MEMORY}/hub.ts`,
    from: 'bottleneck.send({ frame: new Uint8Array(frame), route, fate })',
    to: 'bottleneck.send({ frame, route, fate })',
    caughtBy: BY_CONFORMANCE,
    isSlow: true,
  },
  {
    name: 'transport-memory: a frame that made room for a newer one counts as sent as well',
    file: `${MEMORY}/transport.ts`,
    from: '    if (!isDuplicate) found[',
    to: "    if (outcome === 'dropped') found.sent += 1\n    if (!isDuplicate) found[",
    caughtBy: [{ type: 'tests', file: 'conformance.test.ts' }],
  },
  {
    name: 'transport-memory: frames of strangers are delivered',
    file: `${MEMORY}/hub.ts`,
    from: 'const entry = endpoint.entryOf(sender.id)',
    to: 'const entry = endpoint.entryOf(sender.id) ?? { incarnation: null }',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: another cluster is let in',
    file: `${MEMORY}/door.ts`,
    from: 'if (other.cluster !== one.cluster) {',
    to: 'if (other.cluster.length < 0) {',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: a sender does not ask for the incarnation that it expects',
    file: `${MEMORY}/hub.ts`,
    from: 'objection(sender, endpoint, expected)',
    to: 'objection(sender, endpoint, null)',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: a receiver does not ask for the incarnation that it expects',
    file: `${MEMORY}/hub.ts`,
    from: 'objection(endpoint, sender, entry.incarnation)',
    to: 'objection(endpoint, sender, null)',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: the empty incarnation is expected by nobody',
    file: `${MEMORY}/door.ts`,
    from: 'if (expected === null || ',
    to: 'if (!expected || ',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: a frame that met a closed door counts as sent',
    file: `${MEMORY}/transport.ts`,
    from: "['dropped', 'refused']",
    to: "['dropped']",
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: whoever refuses somebody says nothing of it',
    file: `${MEMORY}/hub.ts`,
    from: '        [endpoint, sender],\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: an incarnation may be of any length',
    file: `${MEMORY}/door.ts`,
    from: "  requireName('The incarnation', incarnation)\n",
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: a sender does not learn whom it has reached',
    file: `${MEMORY}/hub.ts`,
    from: '    sender.met(endpoint)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'door.test.ts' }],
  },
  {
    name: 'transport-memory: frames are delivered to who has closed',
    file: `${MEMORY}/hub.ts`,
    from: '      endpoints.delete(endpoint.address)\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: what is on its way has no bound',
    file: `${MEMORY}/link.ts`,
    from: 'while (link.queuedBytes + cost(flight) > MAX_QUEUED_BYTES) {',
    to: 'while (link.queuedBytes + cost(flight) > Infinity * MAX_QUEUED_BYTES) {',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-memory: what waits for a slow link has no bound',
    file: `${MEMORY}/bottleneck.ts`,
    from: 'this.#waitingBytes + cost(parcel) > queueBytes) {',
    to: 'this.#waitingBytes + cost(parcel) > Infinity * queueBytes) {',
    caughtBy: [{ type: 'tests', file: 'capacity.test.ts' }],
  },
  {
    name: 'transport-memory: a fraction of a millisecond on a link is forgotten',
    file: `${MEMORY}/bottleneck.ts`,
    from: '      this.#owedMs = neededMs\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'capacity.test.ts' }],
  },
  {
    name: 'transport-memory: the largest frame is refused, by one byte',
    file: `${MEMORY}/transport.ts`,
    from: 'if (frame.byteLength > MAX_FRAME_BYTES) {',
    to: 'if (frame.byteLength >= MAX_FRAME_BYTES) {',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'datagrams: the HMAC of a datagram is not compared',
    file: `${DATAGRAMS}/authentication.ts`,
    from: 'return accepted.some((key) => timingSafeEqual(tagOf(key, receiver, body), tag))',
    to: 'return accepted.some((key) => tagOf(key, receiver, body).length === tag.length)',
    caughtBy: [{ type: 'tests', file: 'datagrams/keys.test.ts' }],
  },
  {
    name: 'datagrams: the HMAC does not cover for whom a datagram is',
    file: `${DATAGRAMS}/authentication.ts`,
    from: 'hmac.update(Uint8Array.of(receiver.byteLength)).update(receiver).update(body)',
    to: 'hmac.update(Uint8Array.of(receiver.byteLength)).update(body)',
    caughtBy: [{ type: 'tests', file: 'datagrams/authentication.test.ts' }],
  },
  {
    name: 'datagrams: a frame is delivered again for each fragment that comes twice',
    file: `${DATAGRAMS}/reassembly.ts`,
    from: `    if (partial.payloads.has(index)) return { type: 'duplicate' }
    partial.payloads.set(index, payload)
    grow(sender, partial, payload.byteLength + FRAGMENT_OVERHEAD_BYTES)
    if (partial.payloads.size === count) {
      remove(fragment.sender, sender, messageId)
`,
    to: `    if (!partial.payloads.has(index)) {
      grow(sender, partial, payload.byteLength + FRAGMENT_OVERHEAD_BYTES)
    }
    partial.payloads.set(index, payload)
    if (partial.payloads.size === count) {
`,
    caughtBy: [{ type: 'tests', file: 'datagrams/reassembly.test.ts' }],
  },
  {
    name: 'datagrams: half-received frames are kept for ever',
    file: `${DATAGRAMS}/reassembly.ts`,
    from: '        while (nowMs - startOf(sender) > PARTIAL_LIFETIME_MS) dropOldest(id, sender)\n',
    to: '        while (startOf(sender) > PARTIAL_LIFETIME_MS + nowMs) dropOldest(id, sender)\n',
    caughtBy: [{ type: 'tests', file: 'datagrams/reassembly.test.ts' }],
  },
  {
    name: 'datagrams: frames of strangers are delivered',
    file: `${DATAGRAMS}/inbox.ts`,
    from: 'const door = knows(datagram.sender) ? doorOf(datagram.sender) : null',
    to: 'const door = doorOf(datagram.sender)',
    caughtBy: [{ type: 'tests', file: 'datagrams/inbox.test.ts' }],
  },
  {
    name: 'datagrams: a frame is delivered in the memory of its datagram',
    file: `${DATAGRAMS}/inbox.ts`,
    from: 'deliver(sender, new Uint8Array(frame))',
    to: 'deliver(sender, frame)',
    caughtBy: BY_DATAGRAM_CONFORMANCE,
  },
  {
    name: 'datagrams: what was recorded is delivered again',
    file: `${DATAGRAMS}/replay-window.ts`,
    from: '      if ((word & bit) !== 0) return false\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'datagrams/replay.test.ts' }],
  },
  {
    name: 'datagrams: what was recorded before its sender restarted is delivered again',
    file: `${DATAGRAMS}/cookies.ts`,
    from: "if (stamp.epoch < epoch) return 'replayed'",
    to: "if (stamp.epoch < 0) return 'replayed'",
    caughtBy: [{ type: 'tests', file: 'datagrams/cookies.test.ts' }],
  },
  {
    name: 'datagrams: who has no cookie is let in',
    file: `${DATAGRAMS}/cookies.ts`,
    from: "if (!isSame(stamp.cookie, cookie) || stamp.epoch > issued) return 'unknown'",
    to: "if (stamp.epoch > issued) return 'unknown'",
    caughtBy: [{ type: 'tests', file: 'datagrams/cookies.test.ts' }],
  },
  {
    name: 'datagrams: an old answer is taken for a cookie',
    file: `${DATAGRAMS}/cookies.ts`,
    from: 'if (isStopped || nonce === null || !isSame(nonce, answer.nonce)) return',
    to: 'if (isStopped) return',
    caughtBy: [{ type: 'tests', file: 'datagrams/cookies.test.ts' }],
  },
  {
    name: 'transport-grpc: frames of HTTP/2 that waited come in one turn',
    file: `${GRPC}/frame-guard.ts`,
    from: 'while (!isResting && guarded.readableFlowing === true) {',
    to: 'while (!isResting) {',
    caughtBy: [{ type: 'tests', file: 'frame-guard.test.ts' }],
  },
  {
    name: 'transport-grpc: a connection outlives the certificate of the peer that it was dialled to',
    file: `${GRPC}/dial.ts`,
    from: '            events.onProblem(EXPIRED)\n            release()\n',
    to: '            events.onProblem(EXPIRED)\n',
    caughtBy: [{ type: 'tests', file: 'certificates.test.ts' }],
  },
  {
    name: 'datagrams: the queue to a slow peer has no bound',
    file: `${DATAGRAMS}/outbox.ts`,
    from: '    while (waitingBytes > MAX_OUTBOX_BYTES && takeWaiting() !== null) onDropped()\n',
    to: '',
    caughtBy: BY_DATAGRAM_CONFORMANCE,
  },
  {
    name: 'datagrams: the largest frame is refused, by one byte',
    file: `${DATAGRAMS}/datagrams.ts`,
    from: 'if (frame.byteLength > MAX_FRAME_BYTES) {',
    to: 'if (frame.byteLength >= MAX_FRAME_BYTES) {',
    caughtBy: BY_DATAGRAM_CONFORMANCE,
  },
  {
    name: 'datagrams: close leaves its timer running',
    file: `${DATAGRAMS}/datagrams.ts`,
    from: '    stopSweep?.()\n',
    to: '',
    caughtBy: BY_DATAGRAM_CONFORMANCE,
  },
  {
    name: 'datagrams: a node of another cluster is given a cookie',
    file: `${DATAGRAMS}/peer.ts`,
    from: 'const mismatch = mismatchOf(id, expectation, question)',
    to: 'const mismatch = mismatchOf(id, expectation, { ...question, cluster: self.cluster })',
    caughtBy: BY_RESTARTS,
  },
  {
    name: 'datagrams: another incarnation than the expected one is given a cookie',
    file: `${DATAGRAMS}/peer.ts`,
    from: 'const mismatch = mismatchOf(id, expectation, question)',
    to: 'const mismatch = mismatchOf(id, { ...expectation, incarnation: null }, question)',
    caughtBy: BY_RESTARTS,
  },
  {
    name: 'datagrams: frames leave for whoever answers, though it is not who is expected',
    file: `${DATAGRAMS}/peer.ts`,
    from: 'const mismatch = mismatchOf(id, expectation, word)',
    to: 'const mismatch = mismatchOf(id, { ...expectation, incarnation: null }, word)',
    caughtBy: BY_RESTARTS,
  },
  {
    name: 'datagrams: who was let in stays, though another incarnation is expected by now',
    file: `${DATAGRAMS}/datagrams.ts`,
    from: 'return peer.address === entry?.address && peer.expected === entry.incarnation',
    to: 'return peer.address === entry?.address',
    caughtBy: BY_RESTARTS,
  },
  {
    name: 'datagrams: half a frame outlives the entry of its sender',
    file: `${DATAGRAMS}/datagrams.ts`,
    from: '    arrivals.retain(peers)\n    for (const [id, entry]',
    to: '    for (const [id, entry]',
    caughtBy: BY_RESTARTS,
  },
  {
    name: 'datagrams: whoever asks in the name of a peer changes what is known of it',
    file: `${DATAGRAMS}/peer.ts`,
    from: 'if (pass.hasCookie()) onProblem(mismatch)',
    to: 'if (mismatch === null) onProblem(mismatch)',
    caughtBy: BY_RESTARTS,
  },
  {
    name: 'datagrams: an answer is larger than its question',
    file: `${DATAGRAMS}/peer.ts`,
    from: 'if (datagram.byteLength <= askedBytes) return',
    to: 'if (datagram.byteLength <= datagramBytes) return',
    caughtBy: [{ type: 'tests', file: 'datagrams/replay.test.ts' }],
  },
  {
    name: 'datagrams: another version of the format is not told from what is none of ours',
    file: `${DATAGRAMS}/inbox.ts`,
    from: "if (version !== null && version !== VERSION) return refuse('otherVersionDatagrams', bytes)",
    to: "if (version !== VERSION) return refuse('malformedDatagrams', bytes)",
    caughtBy: [{ type: 'tests', file: 'datagrams/inbox.test.ts' }],
  },
  {
    name: 'transport-grpc: a node lets in whoever dials, whatever its certificate says',
    file: `${GRPC}/serve.ts`,
    from: '      provesToBe: guest.provesToBe,\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
    isSlow: true,
  },
  {
    name: 'transport-grpc: what grpc-js opens for a dial that was given up stays open',
    file: `${GRPC}/client-sockets.ts`,
    from: 'if (isFreed) process.nextTick(() => socket.destroy())',
    to: 'if (isFreed) socket.destroy()',
    caughtBy: [{ type: 'tests', file: 'client-sockets.test.ts' }],
  },
  {
    name: 'transport-grpc: a frame is delivered in memory that many messages share',
    file: `${GRPC}/service.ts`,
    from: 'return new Uint8Array(bytes)',
    to: 'return bytes',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-grpc: the largest frame is refused, by one byte',
    file: `${GRPC}/service.ts`,
    from: "'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,",
    to: "'grpc.max_receive_message_length': MAX_MESSAGE_BYTES - 65,",
    caughtBy: BY_CONFORMANCE,
    isSlow: true,
  },
  {
    name: 'transport-grpc: the side that was dialled ends a stream before it is read to its end',
    file: `${GRPC}/call-channel.ts`,
    from: 'else call.write(GOODBYE)',
    to: 'else call.end()',
    caughtBy: [{ type: 'tests', file: 'call-channel.test.ts' }],
  },
  {
    name: 'transport-grpc: who has dialled does not answer a goodbye',
    file: `${GRPC}/call-channel.ts`,
    from: 'if (isDialled && isGoodbye(message)) close()',
    to: 'if (isDialled && isGoodbye(message)) isClosing = true',
    caughtBy: [{ type: 'tests', file: 'call-channel.test.ts' }],
  },
  {
    name: 'transport-grpc: a stranger may bring as much as a peer',
    file: `${GRPC}/serve.ts`,
    from: '    if (unknownBytes > MAX_UNIDENTIFIED_BYTES) flood()\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'handshake.test.ts' }],
  },
]
