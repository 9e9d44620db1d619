/**
 * Mistakes that are made once, in the kit, and have to be seen through every adapter that stands on
 * it, each by the adapter's own conformance suite: whoever writes the next adapter has no other. What
 * only a test of the kit can see is in links.ts, sockets.ts, transports.ts and disks.ts. Must never
 * name an adapter that does not run the code.
 */
import type { Mutant } from './mutant.ts'

const KIT = 'packages/adapter-kit/src'

/** What stands on each part of the kit. */
const THROUGH = {
  links: [
    'packages/transport-websocket',
    'packages/transport-grpc',
    'examples/custom-transport',
    'examples/broadcast-channel',
  ],
  certificates: [
    'packages/transport-websocket',
    'packages/transport-grpc',
    'examples/custom-transport',
  ],
  /** gRPC dials by itself. */
  dialling: ['packages/transport-websocket', 'examples/custom-transport'],
  datagrams: ['packages/transport-udp', 'examples/shared-folder'],
  keys: ['packages/transport-udp', 'examples/shared-folder'],
  stores: ['packages/durability-file', 'packages/durability-sqlite', 'examples/custom-durability'],
  append: ['packages/durability-file'],
  transaction: ['packages/durability-sqlite', 'examples/custom-durability'],
} as const

type Part = keyof typeof THROUGH

/** One mistake, as many mutants as there are adapters on that part of the kit. */
function fault(
  part: Part,
  what: string,
  file: string,
  [from, to]: readonly [from: string, to: string],
): readonly Mutant[] {
  const name = `${part}: ${what}`
  return THROUGH[part].map((adapter) => ({
    name: `${name}, through ${adapter.split('/')[1]}`,
    file: `${KIT}/${file}`,
    from,
    to,
    caughtBy: [{ type: 'tests', file: 'conformance.test.ts', of: adapter }],
    through: { fault: name, adapter },
    isSlow: true,
  }))
}

export const KIT_FAULTS: readonly Mutant[] = [
  fault('links', 'a node of another cluster is let in', 'links/connection.ts', [
    "    if (cluster !== self.cluster) return 'cluster'\n",
    '',
  ]),
  fault('links', 'any incarnation is who is expected', 'links/links.ts', [
    '    const book = expectedPeers(peersToBe)\n',
    `    const book = new Map(
      [...expectedPeers(peersToBe)].map(([id, peer]) => [id, { ...peer, incarnation: null }]),
    )
`,
  ]),
  fault('links', 'a cluster may have a name of any length', 'links/links.ts', [
    "      requireCarriable('The name of a cluster', cluster)\n",
    '',
  ]),
  fault('links', 'what makes room in a full queue is the newest frame', 'links/outbox.ts', [
    'const oldest = waiting.shift()',
    'const oldest = waiting.pop()',
  ]),
  fault('links', 'the queue to a peer has no bound', 'links/outbox.ts', [
    'for (; bytes > MAX_OUTBOX_BYTES; dropped += 1) {',
    'for (; bytes > Infinity * MAX_OUTBOX_BYTES; dropped += 1) {',
  ]),
  fault('links', 'what waits is the caller’s frame, and no copy', 'links/outbox.ts', [
    'waiting.push({ frame: new Uint8Array(frame), sinceMs: nowMs })',
    'waiting.push({ frame, sinceMs: nowMs })',
  ]),
  fault('links', 'close() drops what waits', 'links/peer.ts', [
    "    drain() {\n      leave('draining')\n      flush()\n",
    '    drain() {\n      forget()\n',
  ]),
  fault('links', 'frames are delivered while it closes', 'links/peer.ts', [
    "        if (state !== 'open') return\n",
    '',
  ]),
  fault(
    'links',
    'with another connection all are closed, and not the older ones',
    'links/pair.ts',
    ['(decides ? older.map(', '(decides ? [...older, connection].map('],
  ),
  fault('links', 'a peer that left the address book is never dialled again', 'links/links.ts', [
    '    peers.delete(id)\n    peer.forget()\n',
    '    peer.forget()\n',
  ]),
  fault(
    'links',
    'a frame that begins as control messages do is sent as it is',
    'links/connection.ts',
    ['frames.some(isControl) ? frames.map(encodeFrame) : frames', 'frames'],
  ),
  fault('links', 'the largest frame is refused, by one byte', 'links/links.ts', [
    'if (frame.byteLength > MAX_FRAME_BYTES) {',
    'if (frame.byteLength >= MAX_FRAME_BYTES) {',
  ]),
  fault('links', 'of a batch one frame is counted', 'links/peer.ts', [
    'tally.records.of(id).sent += batch.length',
    'tally.records.of(id).sent += 1',
  ]),
  fault('links', 'a problem is told of a peer that is there again', 'links/peer.ts', [
    '    record.problem = null\n',
    '',
  ]),
  fault('links', 'close() leaves the port open', 'links/links.ts', [
    'await Promise.all([stopListening(), ...gone])',
    'await Promise.all(gone)',
  ]),

  fault('certificates', 'nobody who dials is asked for proof', 'links/links.ts', [
    "    if (visitor.provesToBe !== undefined && !visitor.provesToBe(sender)) return 'unproven'\n",
    '',
  ]),
  fault('certificates', 'who dials may have the certificate of any node', 'sockets/tls.ts', [
    'return socket.authorized && isCertificateOf(socket.getPeerCertificate(), id)',
    'return socket.authorized',
  ]),
  fault('certificates', 'who listens may have the certificate of any node', 'sockets/tls.ts', [
    'if (problem !== undefined || !isMutual || isCertificateOf(certificate, peer)) return problem',
    "if (problem !== undefined || !isMutual || peer !== '\\u0000') return problem",
  ]),
  fault('certificates', 'ids are claimed, and not proved, unless asked for', 'sockets/tls.ts', [
    'const isMutual = tls.mutual ?? true',
    'const isMutual = tls.mutual ?? false',
  ]),
  fault('certificates', 'a certificate that is refused is not told of', 'sockets/listen.ts', [
    "problem.reason === 'credentials' ? problem : null)",
    'null)',
  ]),
  fault('dialling', 'who listens may have a certificate of any authority', 'sockets/tls.ts', [
    '    rejectUnauthorized: true,\n',
    '    rejectUnauthorized: false,\n',
  ]),

  fault('keys', 'the tag of a datagram is not compared', 'datagrams/authentication.ts', [
    'return accepted.some((key) => timingSafeEqual(tagOf(key, receiver, body), tag))',
    'return accepted.some((key) => tagOf(key, receiver, body).byteLength === tag.byteLength)',
  ]),
  fault('keys', 'a datagram without a tag needs none', 'datagrams/authentication.ts', [
    'if (!hasTag(datagram) || datagram.byteLength < TAG_BYTES) return false',
    'if (!hasTag(datagram)) return true',
  ]),
  fault('keys', 'a datagram that is not authentic is not counted', 'datagrams/refusals.ts', [
    "  ['unauthenticDatagrams', 'credentials'],\n",
    '',
  ]),

  fault('datagrams', 'a node of another cluster is let in', 'datagrams/identity.ts', [
    '  if (found.cluster !== expected.cluster) return otherCluster',
    "  if (found.cluster === '\\u0000') return otherCluster",
  ]),
  fault('datagrams', 'any incarnation is who is expected', 'datagrams/identity.ts', [
    'if (expected.incarnation === null || found.incarnation === expected.incarnation) return null',
    "if (expected.incarnation === null || found.incarnation !== '\\u0000') return null",
  ]),
  fault('datagrams', 'fragments are put together whoever sent them', 'datagrams/reassembly.ts', [
    `    const sender = senderOf(fragment.sender)
    const partial = sender.partials.get(messageId) ?? start(sender, fragment, nowMs)
`,
    `    const sender = senderOf('')
    const partial =
      [...sender.partials.values()].find(({ payloads }) => !payloads.has(index)) ??
      start(sender, fragment, nowMs)
`,
  ]),
  fault('datagrams', 'what makes room in a full queue is the newest frame', 'datagrams/outbox.ts', [
    '    while (waitingBytes > MAX_OUTBOX_BYTES && takeWaiting() !== null) onDropped()\n',
    `    while (waitingBytes > MAX_OUTBOX_BYTES) {
      waitingBytes -= (waiting.pop()?.frame.byteLength ?? 0) + FRAME_OVERHEAD_BYTES
      onDropped()
    }
`,
  ]),
  fault('datagrams', 'the queue to a peer has no bound', 'datagrams/outbox.ts', [
    '    while (waitingBytes > MAX_OUTBOX_BYTES && takeWaiting() !== null) onDropped()\n',
    '',
  ]),
  fault('datagrams', 'what waits is the caller’s frame, and no copy', 'datagrams/outbox.ts', [
    'waiting.push({ frame: new Uint8Array(frame), sinceMs: clock.now() })',
    'waiting.push({ frame, sinceMs: clock.now() })',
  ]),
  fault('datagrams', 'close() drops what waits', 'datagrams/outbox.ts', [
    '      stopTurn = null\n      pump()\n      discarded = true\n',
    '      stopTurn = null\n      discarded = true\n',
  ]),
  fault('datagrams', 'a frame is delivered in the memory of its datagram', 'datagrams/inbox.ts', [
    'deliver(sender, new Uint8Array(frame))',
    'deliver(sender, frame)',
  ]),
  fault('datagrams', 'the largest frame is refused, by one byte', 'datagrams/datagrams.ts', [
    'if (frame.byteLength > MAX_FRAME_BYTES) {',
    'if (frame.byteLength >= MAX_FRAME_BYTES) {',
  ]),
  fault('datagrams', 'of many frames in a datagram one is counted', 'datagrams/peer.ts', [
    "counts[sent ? 'sent' : 'dropped'] += frames",
    "counts[sent ? 'sent' : 'dropped'] += Math.min(frames, 1)",
  ]),
  fault('datagrams', 'close() leaves the port open', 'datagrams/datagrams.ts', [
    '    await port?.close()\n',
    '    void port\n',
  ]),
  fault('datagrams', 'close() leaves its timer running', 'datagrams/datagrams.ts', [
    '    stopSweep?.()\n',
    '',
  ]),

  fault('stores', 'a save resolves before its group is written', 'stores/group-commit.ts', [
    `      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))
      for (const { resolve } of group) resolve()`,
    `      for (const { resolve } of group) resolve()
      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))`,
  ]),
  fault('stores', 'that a save failed is forgotten', 'stores/group-commit.ts', [
    '    if (this.#refusal !== null) throw this.#refusal\n    try {\n',
    '    this.#refusal = null\n    try {\n',
  ]),
  fault('stores', 'a group is written in the reverse order', 'stores/group-commit.ts', [
    'return this.#waiting.splice(0, count)',
    'return this.#waiting.splice(0, count).toReversed()',
  ]),
  fault('stores', 'no lock is taken', 'files/lock.ts', [
    "  if (process.platform === 'win32') return lockByPipe(target)\n",
    `  if (target.prefix !== '') {
    return { isHeld: () => Promise.resolve(true), release: () => Promise.resolve() }
  }
`,
  ]),
  fault('stores', 'the lock is released before the store is closed', 'stores/life-cycle.ts', [
    `        await store.close()
      } finally {
        await lock.release()
`,
    `        await lock.release()
      } finally {
        await store.close()
`,
  ]),
  fault('stores', 'the lock is kept when an open fails', 'stores/life-cycle.ts', [
    '        await lock.release()\n        throw error\n',
    '        throw error\n',
  ]),
  fault('stores', 'a store opens twice', 'stores/life-cycle.ts', [
    "      if (phase.name !== 'closed') throw stateError(steps.name, phase.name, 'Close it first.')\n",
    "      if (phase.name === 'closing') throw stateError(steps.name, phase.name, 'Close it first.')\n",
  ]),
  fault('append', 'a write that failed is tried again', 'stores/group-commit.ts', [
    '      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))\n',
    `      const write = (tries: number): Promise<void> =>
        this.#options.write(group.map(({ item }) => item)).catch(async (error) => {
          if (tries === 0) throw error
          await new Promise((resolve) => setTimeout(resolve, 1))
          return write(tries - 1)
        })
      if (group.length > 0) await write(100)
`,
  ]),
  fault('append', 'a save is acknowledged before the sync', 'stores/append/log.ts', [
    'await this.#file.writeDurably(at, frame)',
    'await this.#file.write(at, frame)',
  ]),
  fault('append', 'the checksum of a record is not compared', 'stores/append/frame.ts', [
    '  if (checksum(view) !== view.readUInt32LE(CHECKSUM_POSITION)) return null\n',
    '',
  ]),
  fault('append', 'a snapshot truncates the log one slot too far', 'stores/append/state.ts', [
    'return this.snapshot === null || slot > this.snapshot.through',
    'return this.snapshot === null || slot > this.snapshot.through + 1',
  ]),
  fault('append', 'close() does not wait for the saves that run', 'stores/append/store.ts', [
    '      await this.#commit.settled()\n',
    '',
  ]),
  fault('append', 'nobody asks whose a log is', 'stores/append/store.ts', [
    'claimed = created ?? claim(directory, found, owner)',
    'claimed = created ?? claim(directory, { ...found, identity: null }, owner)',
  ]),
  fault(
    'transaction',
    'a snapshot truncates the log one slot too far',
    'stores/transaction/state.ts',
    [
      'return this.#snapshotThrough === null || slot > this.#snapshotThrough',
      'return this.#snapshotThrough === null || slot > this.#snapshotThrough + 1',
    ],
  ),
  fault(
    'transaction',
    'close() does not wait for the saves that run',
    'stores/transaction/store.ts',
    ['    await this.#commit.settled()\n', ''],
  ),
  fault('transaction', 'a later change takes an admission back', 'stores/transaction/state.ts', [
    'this.#admitted ||= change.admitted',
    'this.#admitted = change.admitted',
  ]),
].flat()
