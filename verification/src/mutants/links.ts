/**
 * Mistakes in the kit's links: in the rule for a pair, at the door, in what is escaped, and in what
 * waits for a peer. Each would be in every transport that is built on it.
 */
import type { Mutant } from './mutant.ts'

const LINKS = 'packages/adapter-kit/src/links'

/** A mutant that a test of the kit catches. */
function mutant(
  name: string,
  file: string,
  [from, to]: readonly [from: string, to: string],
  test: string,
): Mutant {
  return {
    name: `links: ${name}`,
    file: `${LINKS}/${file}`,
    from,
    to,
    caughtBy: [{ type: 'tests', file: `links/${test}` }],
  }
}

export const LINK_MUTANTS: readonly Mutant[] = [
  mutant(
    'of two connections each node closes the older',
    'pair.ts',
    ['(decides ? older.map(', '(older.length > 0 ? older.map('],
    'pair-exploration.test.ts',
  ),
  mutant(
    'of two connections nobody closes one',
    'pair.ts',
    ['(decides ? older.map(', '(decides && older.length > 1 ? older.map('],
    'pair-exploration.test.ts',
  ),
  mutant(
    'a node dials while it has a connection',
    'pair.ts',
    ['!state.isOver && state.connections.length === 0 && ', '!state.isOver && '],
    'pair-exploration.test.ts',
  ),
  mutant(
    'after a failed dial there is no other',
    'pair.ts',
    ["return dialAgain(role, { ...state, dial: 'none' })", 'return { state, actions: [] }'],
    'pair-exploration.test.ts',
  ),
  mutant(
    'frames are sent on the oldest connection, which may be dead',
    'pair.ts',
    ['connections.findLast(isOpen)', 'connections.find(isOpen)'],
    'pair.test.ts',
  ),
  mutant(
    'a peer that dials without end has connections without end',
    'pair.ts',
    ['older.length + 1 - MAX_CONNECTIONS_PER_PEER', '-MAX_CONNECTIONS_PER_PEER'],
    'links.test.ts',
  ),
  mutant(
    'a peer whose end comes late is told to be away while it is there',
    'peer.ts',
    ["if (state !== 'forgotten') tally", 'tally'],
    'links.test.ts',
  ),
  mutant(
    'close() says goodbye while a batch is being written',
    'peer.ts',
    [
      '    if (newest?.isWriting === true) return\n',
      "    if (newest?.isWriting === true) return state === 'draining' ? forget() : undefined\n",
    ],
    'links.test.ts',
  ),
  mutant(
    'what waits after one write waits for ever',
    'peer.ts',
    ['      written: flushSoon,\n', '      written() {},\n'],
    'links.test.ts',
  ),
  mutant(
    'a node of another cluster is let in',
    'connection.ts',
    ["    if (cluster !== self.cluster) return 'cluster'\n", ''],
    'door.test.ts',
  ),
  mutant(
    'a hello of any version is read as one of ours',
    'connection.ts',
    ["    if (version !== LINK_VERSION) return 'protocol'\n", ''],
    'door.test.ts',
  ),
  mutant(
    'any hello is believed, for whomever it is meant',
    'connection.ts',
    ["    if (receiver !== self.id) return 'receiver'\n", ''],
    'door.test.ts',
  ),
  mutant(
    'who answers a dial is not held against who was dialled',
    'connection.ts',
    ['if (sender !== peer.id)', "if (sender === '')"],
    'door.test.ts',
  ),
  mutant(
    'who answers a dial may be any incarnation',
    'connection.ts',
    [
      'return peer.incarnation === null || peer.incarnation === incarnation ?',
      'return peer.incarnation !== incarnation + sender ?',
    ],
    'door.test.ts',
  ),
  mutant(
    'who dials may be any incarnation',
    'links.ts',
    ['peer.incarnation === null || peer.incarnation === incarnation', 'incarnation !== sender'],
    'door.test.ts',
  ),
  mutant(
    'an incarnation that is expected of this node is not compared',
    'connection.ts',
    [
      'expectedIncarnation === null || expectedIncarnation === self.incarnation',
      'expectedIncarnation !== sender',
    ],
    'door.test.ts',
  ),
  mutant(
    'another expected incarnation changes nothing',
    'links.ts',
    [' || entry.incarnation !== peer.incarnation', ''],
    'door.test.ts',
  ),
  mutant(
    'a certificate proves to be whoever is claimed',
    'links.ts',
    ['!visitor.provesToBe(sender)', "visitor.provesToBe(sender) && sender === ''"],
    'door.test.ts',
  ),
  mutant(
    'any page in a browser may pass for a node',
    'links.ts',
    ['visitor.isPage === true && peer.isDialable', 'visitor.isPage === true && !peer.isDialable'],
    'door.test.ts',
  ),
  mutant(
    'strangers have no bound',
    'links.ts',
    [
      'strangers.size >= MAX_UNIDENTIFIED_CONNECTIONS',
      'strangers.size >= 1e6 * MAX_UNIDENTIFIED_CONNECTIONS',
    ],
    'door.test.ts',
  ),
  mutant(
    'who has said its name holds a place of those who have not',
    'links.ts',
    ['          strangers.delete(connection)\n          events = ', '          events = '],
    'door.test.ts',
  ),
  mutant(
    'who says nothing stays as long as it likes',
    'connection.ts',
    ['    if (peer === null) expel()\n    else end()\n', '    if (peer !== null) end()\n'],
    'door.test.ts',
  ),
  mutant(
    'a first message may be as large as a frame',
    'connection.ts',
    [
      "state === 'greeting' ? MAX_HELLO_BYTES : MAX_MESSAGE_BYTES",
      "state === 'cut' ? MAX_HELLO_BYTES : MAX_MESSAGE_BYTES",
    ],
    'door.test.ts',
  ),
  mutant(
    'frames are delivered after the connection was cut',
    'connection.ts',
    [
      "    if (state === 'cut' || state === 'closed') return\n    if (isControl",
      '    if (isControl',
    ],
    'links.test.ts',
  ),
  mutant(
    'a frame that begins as control messages do is sent as it is',
    'connection.ts',
    ['frames.some(isControl) ? frames.map(encodeFrame) : frames', 'frames'],
    'links.test.ts',
  ),
  mutant(
    'a frame that was escaped shares the memory of its message',
    'packet.ts',
    ['frame: new Uint8Array(body)', 'frame: body'],
    'packet.test.ts',
  ),
  mutant(
    'a message with something of a later version is refused',
    'packet.ts',
    [
      'if (field < HELLO || field > REFUSED) return true',
      'if (field < HELLO || field > REFUSED) return false',
    ],
    'packet.test.ts',
  ),
  mutant(
    'a length beyond the end of a message is believed',
    'packet.ts',
    ['!(length <= message.byteLength - at)', '!(length >= 0)'],
    'packet.test.ts',
  ),
  mutant(
    'no ping is answered',
    'connection.ts',
    ["      signsDue.add('pong')\n", ''],
    'links.test.ts',
  ),
  mutant(
    'a peer that is silent is never given up',
    'connection.ts',
    [
      'if (unansweredPings >= MAX_UNANSWERED_PINGS) {',
      'if (unansweredPings > 1e6 * MAX_UNANSWERED_PINGS) {',
    ],
    'links.test.ts',
  ),
  mutant(
    'a peer that only sends frames is given up',
    'connection.ts',
    [
      '  function receive(message: Uint8Array): void {\n    unansweredPings = 0\n',
      '  function receive(message: Uint8Array): void {\n    if (isControl(message)) unansweredPings = 0\n',
    ],
    'links.test.ts',
  ),
  mutant(
    'the queue to a slow peer has no bound',
    'outbox.ts',
    [
      'for (; bytes > MAX_OUTBOX_BYTES; dropped += 1) {',
      'for (; bytes > Infinity * MAX_OUTBOX_BYTES; dropped += 1) {',
    ],
    'outbox.test.ts',
  ),
  mutant(
    'what has left the queue to a peer counts for its bound',
    'outbox.ts',
    ['    for (const { frame } of removed) bytes -= weight(frame)\n', ''],
    'outbox.test.ts',
  ),
  mutant(
    'a queue that was emptied has no room',
    'outbox.ts',
    ['      waiting = []\n      bytes = 0\n', '      waiting = []\n'],
    'outbox.test.ts',
  ),
  mutant(
    'frames that waited too long for a connection are sent all the same',
    'peer.ts',
    ['    dropped(frames.expire(sinceMs))\n', ''],
    'links.test.ts',
  ),
  mutant(
    'dials to a peer that is down become rarer without end',
    'backoff.ts',
    ['Math.min(2 * limitMs, MAX_RETRY_MS)', '2 * limitMs'],
    'backoff.test.ts',
  ),
]
