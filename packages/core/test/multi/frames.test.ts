/**
 * Frames that a node never sends, from somebody who passes for one: each field at its worst. Whether
 * the nodes still agree is not asked (they are trusted not to lie), but none may stop, nor keep the
 * others from choosing, now or after all were started again.
 */
import { MAX_ROUND, ROUNDS_STEP } from '@paxos/core'
import type { Ballot, NodeId, Slot } from '@paxos/core'
import { MAX_SLOTS_AHEAD, SLOTS_STEP } from '@paxos/core/multi'
import type { MultiPaxosMessage } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { LogCluster } from './cluster.ts'
import { bytes, noOp, values } from './one-node.ts'

/** What somebody knows who has watched the cluster: who leads, with which ballot, and how far. */
interface Seen {
  readonly leader: NodeId
  readonly follower: NodeId
  readonly other: NodeId
  readonly ballot: Ballot
  readonly through: Slot
}

type Frame = readonly [to: NodeId, from: NodeId, message: MultiPaxosMessage]

const LAST = MAX_ROUND
const EDGE = 3 * ROUNDS_STEP - 1
const FAR_SLOT = 3 * SLOTS_STEP - 1
const BAD = bytes('!')
const isValue = ([first]: Uint8Array): boolean => first !== BAD[0]

const toFollower = (seen: Seen, message: MultiPaxosMessage): Frame[] => [
  [seen.follower, seen.leader, message],
]
const fromOther = (seen: Seen, message: MultiPaxosMessage): Frame[] => [
  [seen.leader, seen.other, message],
  [seen.follower, seen.other, message],
]

const nonsense = ({ ballot }: Seen, through: Slot): MultiPaxosMessage => ({
  type: 'snapshotChunk',
  ballot,
  through,
  members: [],
  totalBytes: 1,
  offset: 0,
  bytes: BAD,
})

/** Each at its worst in turn. */
const everyRound =
  (framesOf: (seen: Seen, round: number) => Frame[]) =>
  (seen: Seen): Frame[] =>
    [EDGE, LAST].flatMap((round) => framesOf(seen, round))
const everySlot =
  (framesOf: (seen: Seen, slot: Slot) => Frame[]) =>
  (seen: Seen): Frame[] =>
    [0, 1, MAX_SLOTS_AHEAD, FAR_SLOT, LAST].flatMap((slot) => framesOf(seen, slot))

const FRAMES: readonly (readonly [string, (seen: Seen) => readonly Frame[]])[] = [
  [
    'a Prepare of a far round',
    everyRound((x, round) =>
      fromOther(x, { type: 'logPrepare', ballot: { round, node: x.other }, from: LAST }),
    ),
  ],
  [
    'a nack with a promise of a far round',
    everyRound((x, round) =>
      fromOther(x, { type: 'nack', ballot: x.ballot, promised: { round, node: x.other } }),
    ),
  ],
  [
    'a heartbeat of a far round',
    everyRound((x, round) =>
      fromOther(x, {
        type: 'logHeartbeat',
        ballot: { round, node: x.other },
        base: x.through + 1,
        chosenThrough: x.through,
        readId: LAST,
      }),
    ),
  ],
  [
    'an Accept of a far round',
    everyRound((x, round) =>
      fromOther(x, {
        type: 'logAccept',
        ballot: { round, node: x.other },
        base: x.through + 1,
        first: x.through + 1,
        values: [noOp],
        chosenThrough: 0,
      }),
    ),
  ],
  [
    'support with a promise of a far round',
    everyRound((x, round) =>
      fromOther(x, {
        type: 'support',
        run: LAST,
        number: LAST,
        granted: true,
        promised: { round, node: x.other },
        chosenThrough: x.through,
      }),
    ),
  ],
  [
    'an entry of a far round that nobody asked for',
    everyRound((x, round) =>
      fromOther(x, {
        type: 'fetched',
        from: x.through + 1,
        entries: [{ slot: x.through + 1, ballot: { round, node: x.other }, value: noOp }],
        chosenThrough: x.through + 1,
      }),
    ),
  ],
  [
    "an Accept of the leader's ballot in any slot",
    everySlot((x, slot) =>
      toFollower(x, {
        type: 'logAccept',
        ballot: x.ballot,
        base: slot,
        first: slot,
        values: [noOp, noOp],
        chosenThrough: slot,
      }),
    ),
  ],
  [
    "a heartbeat of the leader's ballot that names any slot",
    everySlot((x, slot) =>
      toFollower(x, {
        type: 'logHeartbeat',
        ballot: x.ballot,
        base: slot,
        chosenThrough: slot,
        readId: LAST,
      }),
    ),
  ],
  [
    'an acknowledgement through any slot',
    everySlot((x, slot) => fromOther(x, { type: 'logAccepted', ballot: x.ballot, through: slot })),
  ],
  [
    'an answer to a heartbeat through any slot',
    everySlot((x, slot) =>
      fromOther(x, {
        type: 'logHeartbeatAnswer',
        ballot: x.ballot,
        through: slot,
        chosenThrough: slot,
        readId: LAST,
      }),
    ),
  ],
  [
    'a campaign of one that knows any slot',
    everySlot((x, slot) =>
      fromOther(x, { type: 'campaign', run: LAST, number: LAST, chosenThrough: slot }),
    ),
  ],
  [
    'a promise of which any slot is compacted',
    everySlot((x, slot) =>
      fromOther(x, {
        type: 'logPromise',
        ballot: x.ballot,
        from: slot,
        entries: [],
        next: slot,
        chosenThrough: slot,
        compactedThrough: slot,
      }),
    ),
  ],
  [
    'a read index of any slot',
    everySlot((x, slot) =>
      fromOther(x, { type: 'readIndexAnswer', run: LAST, number: LAST, slot }),
    ),
  ],
  [
    'a question for entries from any slot on',
    everySlot((x, slot) => fromOther(x, { type: 'fetchEntries', from: slot })),
  ],
  [
    'a question for a snapshot through any slot',
    everySlot((x, slot) => fromOther(x, { type: 'fetchSnapshot', through: slot, offset: LAST })),
  ],
  [
    'a snapshot through any slot that nobody asked for',
    everySlot((x, slot) => fromOther(x, nonsense(x, slot))),
  ],
  [
    'a claim to know much more, and a snapshot of nonsense',
    (x) => [
      ...toFollower(x, {
        type: 'logHeartbeat',
        ballot: x.ballot,
        base: x.through + 1,
        chosenThrough: x.through + 1000,
        readId: 0,
      }),
      ...toFollower(x, nonsense(x, x.through + 1000)),
    ],
  ],
  [
    'a claim to know the last slot, and a snapshot as of it',
    (x) => [
      ...toFollower(x, {
        type: 'logHeartbeat',
        ballot: x.ballot,
        base: x.through + 1,
        chosenThrough: FAR_SLOT,
        readId: 0,
      }),
      ...toFollower(x, nonsense(x, LAST)),
    ],
  ],
  [
    'a value that is none, in an Accept of a higher ballot',
    (x) =>
      fromOther(x, {
        type: 'logAccept',
        ballot: { round: x.ballot.round + 1, node: x.other },
        base: x.through + 1,
        first: x.through + 1,
        values: [BAD],
        chosenThrough: 0,
      }),
  ],
  [
    "a value that is none, in an Accept of the leader's ballot",
    (x) =>
      toFollower(x, {
        type: 'logAccept',
        ballot: x.ballot,
        base: x.through + 1,
        first: x.through + 1,
        values: [BAD],
        chosenThrough: x.through + 1,
      }),
  ],
  [
    'a value that is none, handed over',
    (x) => fromOther(x, { type: 'forward', values: [...values('good'), BAD] }),
  ],
  [
    'a read index request of the last run',
    (x) => fromOther(x, { type: 'readIndex', run: LAST, number: LAST }),
  ],
  [
    'the handing over of a ballot that was',
    (x) => toFollower(x, { type: 'handOver', ballot: { round: 0, node: x.leader } }),
  ],
]

describe('one frame that no node sends', () => {
  it.each(FRAMES)('%s stops nobody, nor does it outlast a restart of all', (_title, framesOf) => {
    const cluster = new LogCluster({
      hasLiars: true,
      snapshotEvery: 5,
      options: { isValue, isSnapshot: isValue, members: [{ id: 'a', address: 'memory://a' }] },
    })
    const leader = cluster.runUntilLed()
    const [follower = '', other = ''] = cluster.ids.filter((id) => id !== leader)
    const progresses = (): void => {
      const commands = cluster.ids.map((id) => cluster.propose(id))
      cluster.runUntil(() =>
        cluster.ids.every((id) => {
          const { commands: applied } = cluster.machine(id)
          return commands.every((command) => applied.includes(command))
        }),
      )
    }
    progresses()
    progresses()
    cluster.run(500)
    const { ballot, chosenThrough: through } = cluster.engine(leader)
    if (ballot === null) throw new Error('nobody leads')
    for (const [to, from, message] of framesOf({ leader, follower, other, ballot, through })) {
      cluster.inject(from, to, message)
    }
    progresses()
    for (const id of cluster.ids) {
      cluster.crash(id)
      cluster.restart(id)
    }
    progresses()
    const stored = cluster.ids.flatMap((id) => cluster.disk(id).saved.accepted)
    expect(stored.filter(({ value }) => !isValue(value))).toEqual([])
  })
})
