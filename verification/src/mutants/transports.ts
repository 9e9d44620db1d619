/**
 * Mistakes in the transports. The conformance suite must see them, as every transport passes it; a
 * test of the transport's own only what is special to its wire: keys, certificates, fragments.
 */
import type { Mutant } from './mutant.ts'

const MEMORY = 'packages/transport-memory/src'
const UDP = 'packages/transport-udp/src'
const WEBSOCKET = 'packages/transport-websocket/src'
const GRPC = 'packages/transport-grpc/src'

const BY_CONFORMANCE = [{ type: 'conformance' }] as const

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
    name: 'transport-udp: the HMAC of a datagram is not compared',
    file: `${UDP}/authentication.ts`,
    from: 'return accepted.some((key) => timingSafeEqual(tagOf(key, receiver, body), tag))',
    to: 'return accepted.some((key) => tagOf(key, receiver, body).length === tag.length)',
    caughtBy: [{ type: 'tests', file: 'keys.test.ts' }],
  },
  {
    name: 'transport-udp: the HMAC does not cover for whom a datagram is',
    file: `${UDP}/authentication.ts`,
    from: 'hmac.update(Uint8Array.of(receiver.byteLength)).update(receiver).update(body)',
    to: 'hmac.update(Uint8Array.of(receiver.byteLength)).update(body)',
    caughtBy: [{ type: 'tests', file: 'authentication.test.ts' }],
  },
  {
    name: 'transport-udp: a frame is delivered again for each fragment that comes twice',
    file: `${UDP}/reassembly.ts`,
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
    caughtBy: [{ type: 'tests', file: 'reassembly.test.ts' }],
  },
  {
    name: 'transport-udp: half-received frames are kept for ever',
    file: `${UDP}/reassembly.ts`,
    from: '        while (nowMs - startOf(sender) > PARTIAL_LIFETIME_MS) dropOldest(id, sender)\n',
    to: '        while (startOf(sender) > PARTIAL_LIFETIME_MS + nowMs) dropOldest(id, sender)\n',
    caughtBy: [{ type: 'tests', file: 'reassembly.test.ts' }],
  },
  {
    name: 'transport-udp: frames of strangers are delivered',
    file: `${UDP}/inbox.ts`,
    from: 'const door = knows(datagram.sender) ? doorOf(datagram.sender) : null',
    to: 'const door = doorOf(datagram.sender)',
    caughtBy: [{ type: 'tests', file: 'inbox.test.ts' }],
  },
  {
    name: 'transport-udp: a frame is delivered in the memory of its datagram',
    file: `${UDP}/inbox.ts`,
    from: 'deliver(sender, new Uint8Array(frame))',
    to: 'deliver(sender, frame)',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-udp: what was recorded is delivered again',
    file: `${UDP}/replay-window.ts`,
    from: '      if ((word & bit) !== 0) return false\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'replay.test.ts' }],
  },
  {
    name: 'transport-udp: what was recorded before its sender restarted is delivered again',
    file: `${UDP}/cookies.ts`,
    from: "if (stamp.epoch < epoch) return 'replayed'",
    to: "if (stamp.epoch < 0) return 'replayed'",
    caughtBy: [{ type: 'tests', file: 'cookies.test.ts' }],
  },
  {
    name: 'transport-udp: who has no cookie is let in',
    file: `${UDP}/cookies.ts`,
    from: "if (!isSame(stamp.cookie, cookie) || stamp.epoch > issued) return 'unknown'",
    to: "if (stamp.epoch > issued) return 'unknown'",
    caughtBy: [{ type: 'tests', file: 'cookies.test.ts' }],
  },
  {
    name: 'transport-udp: an old answer is taken for a cookie',
    file: `${UDP}/cookies.ts`,
    from: 'if (isStopped || nonce === null || !isSame(nonce, answer.nonce)) return',
    to: 'if (isStopped) return',
    caughtBy: [{ type: 'tests', file: 'cookies.test.ts' }],
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
    from: '      options.onExpired()\n      release()\n',
    to: '      options.onExpired()\n',
    caughtBy: [{ type: 'tests', file: 'certificates.test.ts' }],
  },
  {
    name: 'transport-udp: the queue to a slow peer has no bound',
    file: `${UDP}/outbox.ts`,
    from: '    while (waitingBytes > MAX_OUTBOX_BYTES && takeWaiting() !== null) onDropped()\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-udp: the largest frame is refused, by one byte',
    file: `${UDP}/udp.ts`,
    from: 'if (frame.byteLength > MAX_FRAME_BYTES) {',
    to: 'if (frame.byteLength >= MAX_FRAME_BYTES) {',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-udp: close leaves its timer running',
    file: `${UDP}/udp.ts`,
    from: '      clearInterval(closed.sweep)\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-websocket: any hello is believed, for whomever it is meant',
    file: `${WEBSOCKET}/connection.ts`,
    from: "    else if (hello.receiver !== self) refuse('strangerConnections')\n",
    to: '',
    caughtBy: [{ type: 'tests', file: 'connections.test.ts' }],
    isSlow: true,
  },
  {
    name: 'transport-websocket: close() says goodbye while a batch is being written',
    file: `${WEBSOCKET}/peer.ts`,
    from: '    if (newest?.isWriting === true) return\n',
    to: "    if (newest?.isWriting === true) return state === 'draining' ? forget() : undefined\n",
    caughtBy: [{ type: 'tests', file: 'connections.test.ts' }],
    isSlow: true,
  },
  {
    name: 'transport-websocket: who answers a dial is not held against who was dialled',
    file: `${WEBSOCKET}/connection.ts`,
    from: 'else if (hello.sender === peer) identify(peer)',
    to: 'else if (hello.sender !== self) identify(peer)',
    caughtBy: [{ type: 'tests', file: 'connections.test.ts' }],
    isSlow: true,
  },
  {
    name: 'transport-websocket: frames are delivered after the connection was cut',
    file: `${WEBSOCKET}/connection.ts`,
    from: "else if (state === 'identified' || state === 'retired') events.frame(bytes)",
    to: 'else events.frame(bytes)',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-websocket: a certificate proves to be whoever is claimed',
    file: `${WEBSOCKET}/transport.ts`,
    from: 'if (provesToBe(sender)) return true',
    to: 'if (provesToBe(sender) || session !== null) return true',
    caughtBy: [{ type: 'tests', file: 'tls.test.ts' }],
    isSlow: true,
  },
  {
    name: 'transport-websocket: any page in a browser may pass for a node',
    file: `${WEBSOCKET}/transport.ts`,
    from: 'if (peer === undefined || (isPage && peer.isDialable)) {',
    to: 'if (peer === undefined || (isPage && !peer.isDialable)) {',
    caughtBy: [{ type: 'tests', file: 'connections.test.ts' }],
    isSlow: true,
  },
  {
    name: 'transport-websocket: the queue to a slow peer has no bound',
    file: `${WEBSOCKET}/outbox.ts`,
    from: 'for (; bytes > MAX_OUTBOX_BYTES; dropped += 1) {',
    to: 'for (; bytes > Infinity * MAX_OUTBOX_BYTES; dropped += 1) {',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-websocket: connections without a name have no bound',
    file: `${WEBSOCKET}/waiting-room.ts`,
    from: 'if (guests.size >= MAX_UNIDENTIFIED_CONNECTIONS && oldest !== undefined) expel(oldest)',
    to: 'if (guests.size > 1e6 * MAX_UNIDENTIFIED_CONNECTIONS && oldest !== undefined) expel(oldest)',
    caughtBy: [{ type: 'tests', file: 'server.test.ts' }],
    isSlow: true,
  },
  {
    name: 'transport-grpc: a node lets in whoever dials, whatever its certificate says',
    file: `${GRPC}/admission.ts`,
    from: "  if (isMutual && claim.commonName !== from) return { flaw: 'mismatch' }\n",
    to: "  if (isMutual && claim.commonName === null) return { flaw: 'mismatch' }\n",
    caughtBy: [{ type: 'tests', file: 'tls.test.ts' }],
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
    name: 'transport-grpc: a node lets in who meant another one',
    file: `${GRPC}/admission.ts`,
    from: "  if (to !== own) return { flaw: 'misaddressed' }\n",
    to: '',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'transport-grpc: a node lets in strangers',
    file: `${GRPC}/admission.ts`,
    from: "if (from === own || !knows(from)) return { flaw: 'stranger' }",
    to: "if (from === own) return { flaw: 'stranger' }",
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'transport-grpc: the queue to a slow peer has no bound',
    file: `${GRPC}/outbox.ts`,
    from: '      while (waitingBytes > MAX_OUTBOX_BYTES && shift() !== null) onDropped()\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-grpc: a frame is delivered in memory that many messages share',
    file: `${GRPC}/service.ts`,
    from: 'return new Uint8Array(message)',
    to: 'return message',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'transport-grpc: the largest frame is refused, by one byte',
    file: `${GRPC}/service.ts`,
    from: "'grpc.max_receive_message_length': MAX_FRAME_BYTES,",
    to: "'grpc.max_receive_message_length': MAX_FRAME_BYTES - 1,",
    caughtBy: BY_CONFORMANCE,
    isSlow: true,
  },
  {
    name: 'transport-grpc: close ends what waits without sending it, and leaves streams open',
    file: `${GRPC}/peer.ts`,
    from: '      for (const link of links) link.destroy()\n',
    to: '',
    caughtBy: [{ type: 'conformance' }],
  },
]
