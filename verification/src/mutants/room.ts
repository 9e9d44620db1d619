/**
 * Mistakes in what is counted: room that is taken and not given back, so that something works until
 * so much has gone through it and never again; and what happens at the edge of a window, or only
 * once in a session's life. Small tests must see them: no run of a whole cluster is long enough.
 */
import type { Mutant } from './mutant.ts'

/** A mutant that tests of its package catch. */
function mutant(
  name: string,
  file: string,
  [from, to]: readonly [from: string, to: string],
  first: string,
  ...others: readonly string[]
): Mutant {
  const tests = others.map((each) => ({ type: 'tests', file: each }) as const)
  return { name, file, from, to, caughtBy: [{ type: 'tests', file: first }, ...tests] }
}

const CORE = 'packages/core/src'
const STORES = 'packages/adapter-kit/src/stores'
const WEBSOCKET = 'packages/transport-websocket/src'
const DATAGRAMS = 'packages/adapter-kit/src/datagrams'
const MEMORY = 'packages/transport-memory/src'
const REPLICA = 'packages/replica/src'
const STORE = 'examples/kv-store/src'

export const ROOM_MUTANTS: readonly Mutant[] = [
  mutant(
    'reads: an answer to an earlier question confirms a later one',
    `${CORE}/multi/reads.ts`,
    ['number !== asked.message.number', 'number > asked.message.number'],
    'multi/reads.test.ts',
  ),
  mutant(
    'reads: an earlier question that comes late takes the place of a later one',
    `${CORE}/multi/reads.ts`,
    ['asked.number >= question.number', 'asked.number === question.number'],
    'multi/reads.test.ts',
  ),
  mutant(
    'reads: what a round has answered waits for the next one as well',
    `${CORE}/multi/reads.ts`,
    ['    this.#waiting = new Waiting()\n    return true', '    return true'],
    'multi/reads.test.ts',
  ),
  mutant(
    'reads: a follower’s places are not free again when its reads are answered',
    `${CORE}/multi/reads.ts`,
    ['    this.#asked = null\n    if (slot === 0)', '    if (slot === 0)'],
    'multi/reads.test.ts',
  ),
  mutant(
    'sessions: the place of one that ended is not free again',
    `${CORE}/multi/sessions.ts`,
    ['    this.#sizes[session.space] -= 1\n', ''],
    'multi/sessions.test.ts',
  ),
  mutant(
    'practical: an acceptor counts its saves and not that they are done',
    `${CORE}/practical/acceptor.ts`,
    ['    this.#runningSaves -= 1\n', ''],
    'practical/acceptor.test.ts',
  ),

  mutant(
    'stores: what was written counts for what waits, for ever',
    `${STORES}/group-commit.ts`,
    ['      this.#waitingBytes -= next.countedBytes\n', ''],
    'stores/group-commit.test.ts',
  ),
  mutant(
    'stores: an entry that was replaced or cut off counts as alive',
    `${STORES}/append/state.ts`,
    ['this.#entryBytes -= place.bytes', 'void place.bytes'],
    'stores/append/property.test.ts',
  ),
  mutant(
    'stores: damage before a group that crosses the edge of a window is a torn tail',
    `${STORES}/append/group-reader.ts`,
    ['position += window.byteLength - beginning.byteLength + 1', 'position += window.byteLength'],
    'stores/append/group-reader.test.ts',
  ),
  mutant(
    'stores: a group that begins in a window is taken to end in it',
    `${STORES}/append/group-reader.ts`,
    [
      'offset + wanted > this.#window.byteLength',
      'offset + Math.min(wanted, FRAME_HEADER_BYTES) > this.#window.byteLength',
    ],
    'stores/append/group-reader.test.ts',
  ),
  mutant(
    'stores: damage before the last group is a torn tail',
    `${STORES}/append/group-reader.ts`,
    ['frame.serial > serial', 'frame.serial > serial + 1'],
    'stores/append/group-reader.test.ts',
  ),
  mutant(
    'stores: only the first thing that looks like a group is looked at behind damage',
    `${STORES}/append/group-reader.ts`,
    [
      'for (; found >= 0; found = window.indexOf(beginning, found + 1)) {',
      'for (; found >= 0; found = -1) {',
    ],
    'stores/append/group-reader.test.ts',
  ),

  mutant(
    'transport-websocket: a peer that is known is cut off after as many bytes as a stranger',
    `${WEBSOCKET}/ws-channel.ts`,
    ["      untrustedBytes = null\n      socket.off('data', countUntrusted)\n", ''],
    'connections.test.ts',
  ),
  mutant(
    'datagrams: what has left the queue to a peer counts for its bound',
    `${DATAGRAMS}/outbox.ts`,
    ['    if (frame !== null) waitingBytes -= frame.byteLength + FRAME_OVERHEAD_BYTES\n', ''],
    'datagrams/outbox.test.ts',
  ),
  mutant(
    'datagrams: a datagram that the system has taken is in flight for ever',
    `${DATAGRAMS}/outbox.ts`,
    ['      inFlight -= 1\n', ''],
    'datagrams/outbox.test.ts',
  ),
  mutant(
    'datagrams: a frame that is whole counts as half-received',
    `${DATAGRAMS}/reassembly.ts`,
    ['grow(sender, partial, -partial.bytes)', 'grow(sender, partial, 0)'],
    'datagrams/reassembly.test.ts',
  ),
  mutant(
    'transport-memory: a frame that has arrived counts as on its way',
    `${MEMORY}/link.ts`,
    ['if (flight !== undefined) link.queuedBytes -= cost(flight)', 'void flight'],
    'faults.test.ts',
    'capacity.test.ts',
  ),
  mutant(
    'transport-memory: a frame that had reached a node which is gone counts as on its way',
    `${MEMORY}/link.ts`,
    ['if (arrived) link.queuedBytes -= cost(flight)', 'void arrived'],
    'faults.test.ts',
    'capacity.test.ts',
  ),
  mutant(
    'transport-memory: what has left a slow link counts for its queue',
    `${MEMORY}/bottleneck.ts`,
    ['if (parcel !== undefined) this.#waitingBytes -= cost(parcel)', 'void parcel'],
    'capacity.test.ts',
  ),
  mutant(
    'transport-memory: the queue of a slow link that was given up is full for ever',
    `${MEMORY}/bottleneck.ts`,
    ['    this.#leaving = null\n    this.#waitingBytes = 0\n', '    this.#leaving = null\n'],
    'capacity.test.ts',
  ),

  mutant(
    'replica: what has left the outbox counts for its bound',
    `${REPLICA}/outbox.ts`,
    ['    this.#bytes -= bytes\n', ''],
    'room.test.ts',
  ),
  mutant(
    'replica: an outbox that was emptied has no room',
    `${REPLICA}/outbox.ts`,
    ['    this.#values = []\n    this.#bytes = 0\n', '    this.#values = []\n'],
    'room.test.ts',
  ),
  mutant(
    'replica: a command that was applied counts for what may be on its way',
    `${REPLICA}/proposals.ts`,
    ['    this.#pendingBytes -= pendingBytes(pending)\n', ''],
    'room.test.ts',
  ),
  mutant(
    'replica: a command that was handed over counts for what may wait',
    `${REPLICA}/call-queue.ts`,
    ['    for (const call of taken) this.#bytes -= bytesOf(call)\n', ''],
    'room.test.ts',
  ),
  mutant(
    'replica: commands wait for ever where no session could be asked for',
    `${REPLICA}/proposals.ts`,
    ['      this.#endWithoutSession(asError(error))\n', '      void error\n'],
    'parts.test.ts',
  ),
  mutant(
    'replica: that the members differ is told before anybody can listen',
    `${REPLICA}/replica-node.ts`,
    [
      '    this.#difference = difference\n',
      '    this.#difference = difference\n    this.#tellDifference()\n    this.#difference = null\n',
    ],
    'replica.test.ts',
  ),
  mutant(
    'replica: commands that were taken from the queue come again when it lets go of them',
    `${REPLICA}/call-queue.ts`,
    [
      '      this.#calls = this.#calls.slice(this.#taken)\n      this.#taken = 0\n',
      '      this.#taken = 0\n',
    ],
    'waiting.test.ts',
  ),
  mutant(
    'replica: a save that is done counts for what may be on its way to the disk, in bytes',
    `${REPLICA}/host.ts`,
    ['    this.#runningBytes -= bytesOf(change)\n', ''],
    'room.test.ts',
  ),
  mutant(
    'replica: a save that is done counts for what may be on its way to the disk',
    `${REPLICA}/host.ts`,
    ['    this.#savesAtMs.shift()\n', ''],
    'room.test.ts',
  ),
  mutant(
    'replica: a snapshot is taken by entries alone, however large they are',
    `${REPLICA}/applier.ts`,
    ['this.#bytesSinceSnapshot >= snapshotEveryBytes * factor', 'snapshotEveryBytes < 0'],
    'room.test.ts',
  ),
  mutant(
    'replica: once a snapshot was taken for its bytes, one is taken after every entry',
    `${REPLICA}/applier.ts`,
    [
      '    this.#snapshotBytes = bytes\n    this.#bytesSinceSnapshot = 0\n',
      '    this.#snapshotBytes = bytes\n',
    ],
    'room.test.ts',
  ),
  mutant(
    'replica: sessions that came with a snapshot never expire',
    `${REPLICA}/applier.ts`,
    ['new Map([...this.#table.sessions].map((id) => [id, nowMs]))', 'new Map()'],
    'room.test.ts',
  ),
  mutant(
    'replica: sessions that came with a snapshot are idle at once',
    `${REPLICA}/applier.ts`,
    ['.map((id) => [id, nowMs])', '.map((id) => [id, 0])'],
    'room.test.ts',
  ),
  mutant(
    'replica: a command of a session of this node that is gone is refused, and not tried in a new one',
    `${REPLICA}/proposals.ts`,
    [
      "if (isForgotten && pending.type === 'commands') this.#calls.putBack(pending.calls)",
      "if (false && pending.type === 'commands') this.#calls.putBack(pending.calls)",
    ],
    'room.test.ts',
  ),
  mutant(
    'replica: a read that was answered holds its place',
    `${REPLICA}/reads.ts`,
    ['      this.#confirmed.delete(id)\n      read.answer()', '      read.answer()'],
    'room.test.ts',
  ),
  mutant(
    'replica: what has arrived at the leader counts for what may be on its way',
    `${REPLICA}/hand-over.ts`,
    ['    if (given !== undefined) this.#givenBytes -= given.bytes\n', ''],
    'hand-over.test.ts',
  ),
  mutant(
    'replica: what is to be handed over again counts for what is on its way',
    `${REPLICA}/hand-over.ts`,
    ['      this.#givenBytes -= bytes\n', ''],
    'hand-over.test.ts',
  ),
  mutant(
    'replica: what was given up counts for what is on its way',
    `${REPLICA}/hand-over.ts`,
    ['    this.#givenBytes = 0\n  }', '  }'],
    'hand-over.test.ts',
  ),

  mutant(
    'kv-store: what a client has taken of the memory for requests is not given back',
    `${STORE}/budget.ts`,
    ['    this.#used -= holder.bytes\n', ''],
    'budget.test.ts',
  ),
  mutant(
    'kv-store: the digest knows nothing of what came since somebody asked for it',
    `${STORE}/digest.ts`,
    ['    this.#settle()\n    return this.#sum', '    return this.#sum'],
    'store.test.ts',
  ),
  mutant(
    'kv-store: the digest keeps what came and went before somebody asked',
    `${STORE}/digest.ts`,
    ['    if (this.#pending.delete(entry)) {', '    if (this.#pending.has(entry)) {'],
    'store.test.ts',
  ),
  mutant(
    'kv-store: a request that was answered counts among those that are sent ahead',
    `${STORE}/connections.ts`,
    ['      this.#waiting -= 1\n', ''],
    'exhaustion.test.ts',
  ),
  mutant(
    'kv-store: a connection that was refused counts for the share of its address',
    `${STORE}/connections.ts`,
    ['    this.#shares.give(client)\n    return false', '    return false'],
    'exhaustion.test.ts',
  ),
  mutant(
    'kv-store: a request whose client went away in the middle of it runs for ever',
    `${STORE}/exchange.ts`,
    [
      '    place.giveBack()\n    received.release()\n    unsent',
      '    received.release()\n    unsent',
    ],
    'exhaustion.test.ts',
  ),
  mutant(
    'kv-store: a request of a stream that was answered takes a place among its own',
    `${STORE}/streams.ts`,
    ['    this.#running.delete(request.id)\n', ''],
    'streams.test.ts',
  ),
  mutant(
    'kv-store: the address of a stream that ended has its share for ever',
    `${STORE}/streams.ts`,
    ['      if (client !== null) this.#shares.give(client)\n', ''],
    'streams.test.ts',
  ),
  mutant(
    'kv-store: a request that was given up on a stream is under way for ever',
    `${STORE}/client-stream.ts`,
    [
      '    if (!this.#asked.delete(asking.id)) return',
      '    if (!this.#asked.has(asking.id)) return',
    ],
    'streams.test.ts',
  ),
  mutant(
    'kv-store: sessions that were lent for a batch are in use for ever',
    `${STORE}/sessions.ts`,
    ['      this.#inUse -= count\n', ''],
    'batch.test.ts',
  ),
]
