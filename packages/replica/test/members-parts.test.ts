/** The parts of a node that deal with members, one by one: leader, calls, and when to be sure. */
import { describe, expect, it } from 'vitest'
import { encodeConfiguration, encodeEntry } from '@paxos/core/multi'
import type { Configuration, ConfiguredMember, MembersEntry } from '@paxos/core/multi'
import { MembersConflictError, MembersRefusedError, NotPromotedError } from '@paxos/replica'
import { OverloadedError } from '@paxos/replica'
import { MAX_MEMBERS_CALLS, NEW_VOTER_PATIENCE_MS } from '../src/limits.ts'
import { entryOf, refusalFromWords, refusalInWords, stepsOf } from '../src/member-changes.ts'
import { MembersCalls } from '../src/members-calls.ts'
import { MembersLeader } from '../src/members-leader.ts'
import type { HeardDisk } from '../src/members-leader.ts'
import { firstConfiguration, MembersView } from '../src/members-view.ts'
import type { PendingRead } from '../src/reads.ts'
import { Surely } from '../src/surely.ts'
import { settled, VirtualClock } from './virtual-clock.ts'

const at = (ids: string): ReadonlyMap<string, string> =>
  new Map(Array.from(ids, (id) => [id, `memory://${id}`]))

const first = firstConfiguration(at('abc'))

const learner: ConfiguredMember = {
  id: 'd',
  address: 'memory://d',
  role: 'learner',
  incarnation: null,
}

/** 'abc' as voters, each named as its id in capitals, and the learner d. */
const named: Configuration = {
  ...first,
  version: 7,
  members: [
    ...first.members.map((member) => ({ ...member, incarnation: member.id.toUpperCase() })),
    learner,
  ],
}

const promotion = entryOf(named, {
  put: [{ id: 'd', joins: false, as: { role: 'voter' } }],
  remove: [],
})

function since(atMs: ReadonlyMap<string, number>, sinceMs: number): ReadonlySet<string> {
  return new Set([...atMs].filter(([, each]) => each >= sinceMs).map(([id]) => id))
}

/** A leader a, which leads for long, and hears everybody; 100 slots are chosen. */
function leader(
  options: { configuration?: Configuration; heard?: Record<string, HeardDisk> } = {},
) {
  const state = {
    configuration: options.configuration ?? named,
    disks: new Map(
      Object.entries({
        b: { incarnation: 'B', storedThrough: 100 },
        c: { incarnation: 'C', storedThrough: 100 },
        d: { incarnation: 'D', storedThrough: 100 },
        ...options.heard,
      }),
    ),
    heardAtMs: new Map<string, number>(Array.from('bcd', (id) => [id, 100_000])),
    votedAtMs: new Map<string, number>(Array.from('bc', (id) => [id, 100_000])),
    nowMs: 100_000,
    chosenThrough: 100,
    places: new Map<string, string>(),
  }
  const made = new MembersLeader({
    id: 'a',
    incarnation: 'A',
    configuration: () => state.configuration,
    heardDisks: () => state.disks,
    heardSince: (sinceMs) => since(state.heardAtMs, sinceMs),
    votedSince: (sinceMs) => since(state.votedAtMs, sinceMs),
    chosenThrough: () => state.chosenThrough,
    nowMs: () => state.nowMs,
    isAt: (id, address) => state.places.get(id) === address,
    heartbeatPeriodMs: 100,
    livenessWindowMs: 1000,
  })
  const hear = () => {
    for (const [id, { incarnation }] of state.disks) made.heard(id, incarnation)
  }
  hear()
  return { leader: made, state, hear }
}

function refusalOf(run: () => unknown): MembersRefusedError {
  try {
    run()
  } catch (error) {
    if (error instanceof MembersRefusedError) return error
    throw error
  }
  throw new Error('It was not refused.')
}

describe('a leader', () => {
  it('names the disk that it hears of who is to vote', () => {
    const entry = leader().leader.consider(promotion)
    expect(entry?.members[3]).toEqual({ ...learner, role: 'voter', incarnation: 'D' })
  })

  it('P33: says nothing to an entry that takes the place of another version than there is', () => {
    expect(leader().leader.consider({ ...promotion, replaces: 6 })).toBeNull()
    expect(leader().leader.consider({ ...promotion, replaces: 8 })).toBeNull()
  })

  it('P28: lets nobody vote who has not stored what was chosen some time ago', () => {
    const {
      leader: made,
      state,
      hear,
    } = leader({
      heard: { d: { incarnation: 'D', storedThrough: 99 } },
    })
    const refusal = refusalOf(() => made.consider(promotion))
    expect(refusal).toMatchObject({ reason: 'not-caught-up' })
    expect(refusal.message).toContain('"d" has stored the log through slot 99')
    // What is new is no hindrance: a busy log is never at its end.
    state.disks.set('d', { incarnation: 'D', storedThrough: 100 })
    for (let round = 0; round < 100; round += 1) {
      state.nowMs += 100
      state.heardAtMs = new Map(Array.from('bcd', (id) => [id, state.nowMs]))
      state.chosenThrough += 1
      made.observe()
      hear()
      if (round === 20)
        expect(refusalOf(() => made.consider(promotion)).reason).toBe('not-caught-up')
      const stored = state.chosenThrough - 20
      if (round > 30) state.disks.set('d', { incarnation: 'D', storedThrough: stored })
    }
    expect(made.consider(promotion)).not.toBeNull()
    // Whoever has just begun to lead does not know what was chosen when.
    made.leadershipChanged()
    expect(refusalOf(() => made.consider(promotion)).reason).toBe('not-caught-up')
  })

  it('lets nobody vote that it has not heard', () => {
    const { leader: made, state } = leader()
    state.disks.delete('d')
    expect(refusalOf(() => made.consider(promotion)).message).toContain('"d" was not heard')
  })

  it('P31: lets a former disk of a member not vote again in the place of a new one', () => {
    const { leader: made, state, hear } = leader()
    const [renewal] = stepsOf(named, { renew: { c: 'memory://c' } })
    if (renewal === undefined) throw new Error('There is no step.')
    const renewed = { ...entryOf(named, renewal), version: 8 }
    state.configuration = renewed
    made.membersChanged()
    hear()
    const again = entryOf(renewed, {
      put: [{ id: 'c', joins: false, as: { role: 'voter' } }],
      remove: [],
    })
    expect(refusalOf(() => made.consider(again)).message).toContain('from another disk than before')
    state.disks.set('c', { incarnation: 'C2', storedThrough: 100 })
    hear()
    expect(made.consider(again)?.members[2]?.incarnation).toBe('C2')
  })

  it('P31: believes the last words of a node that was removed of nobody who joins under its id', () => {
    const { leader: made, state, hear } = leader()
    const without = { ...entryOf(named, { put: [], remove: ['d'] }), version: 8 }
    state.configuration = without
    made.membersChanged()
    hear()
    const [joining] = stepsOf(without, { add: { d: { address: 'memory://d' } } })
    if (joining === undefined) throw new Error('There is no step.')
    const joined = { ...entryOf(without, joining), version: 9 }
    state.configuration = joined
    made.membersChanged()
    const vote = entryOf(joined, {
      put: [{ id: 'd', joins: false, as: { role: 'voter' } }],
      remove: [],
    })
    expect(refusalOf(() => made.consider(vote)).message).toContain('"d" was not heard')
    hear()
    expect(made.consider(vote)?.members[3]?.incarnation).toBe('D')
  })

  it('takes nobody for there who spoke long ago', () => {
    const { leader: made, state } = leader()
    state.nowMs += 2500
    state.heardAtMs = new Map(Array.from('bcd', (id) => [id, state.nowMs]))
    expect(made.consider(promotion)).not.toBeNull()
    state.nowMs += 1
    expect(refusalOf(() => made.consider(promotion)).message).toContain('"d" was not heard')
  })

  it('lets no other disk vote than the one that an entry says', () => {
    const other = { ...learner, role: 'voter', incarnation: 'D9' } as const
    const entry = { ...promotion, members: [...promotion.members.slice(0, 3), other] }
    expect(refusalOf(() => leader().leader.consider(entry)).reason).toBe('not-caught-up')
  })

  it('P34: counts who is silent for no part of a quorum, a learner after longer than a voter', () => {
    const { leader: made, state } = leader()
    state.heardAtMs.set('c', 98_000)
    state.heardAtMs.set('d', 98_000)
    expect(made.consider(promotion)).not.toBeNull()
    state.heardAtMs.set('d', 97_000)
    expect(refusalOf(() => made.consider(promotion)).reason).toBe('no-live-quorum')
  })

  it('P34: counts who is heard and does not vote for no part of a quorum', () => {
    const { leader: unnamed, state } = leader({ configuration: first })
    const all = entryOf(first, {
      put: [],
      remove: [],
      quorums: { type: 'flexible', phase1: 1, phase2: 3 },
    })
    expect(unnamed.consider(all)).not.toBeNull()
    state.votedAtMs.set('c', 98_000)
    expect(refusalOf(() => unnamed.consider(all)).reason).toBe('no-live-quorum')
    // Where disks are named, what counts is that it runs as the one that is.
    const { leader: made, state: others } = leader()
    others.votedAtMs.clear()
    const named3 = { ...all, replaces: named.version, members: named.members }
    expect(made.consider(named3)).not.toBeNull()
    made.heard('c', 'C2')
    expect(refusalOf(() => made.consider(named3)).reason).toBe('no-live-quorum')
  })

  it('P34: counts who moves for no part of a quorum, unless it is where it moves to', () => {
    const { leader: made, state } = leader()
    const moves = entryOf(named, {
      put: Array.from('bc', (id) => ({ id, joins: false, as: { address: `memory://${id}2` } })),
      remove: [],
    })
    expect(refusalOf(() => made.consider(moves)).reason).toBe('no-live-quorum')
    state.places.set('b', 'memory://b2')
    expect(made.consider(moves)).not.toBeNull()
  })

  it('P31: means by the id of a member the disk that is named, and by an unnamed one none that was', () => {
    const { leader: made, state } = leader()
    expect([made.isMeant('b', 'B'), made.isMeant('b', 'B2'), made.isMeant('d', 'D')]).toEqual([
      true,
      false,
      true,
    ])
    const [renewal] = stepsOf(named, { renew: { b: 'memory://b' } })
    if (renewal === undefined) throw new Error('There is no step.')
    state.configuration = { ...entryOf(named, renewal), version: 8 }
    made.membersChanged()
    expect([made.isMeant('b', 'B'), made.isMeant('b', 'B2')]).toEqual([false, true])
    expect(made.isMeant('nobody', 'N')).toBe(true)
  })

  it('names the disks of all voters at once, when it has heard of each, and once', () => {
    const { leader: made, state, hear } = leader({ configuration: first })
    state.disks.delete('c')
    expect(made.naming()).toBeNull()
    state.disks.set('c', { incarnation: 'C', storedThrough: 0 })
    hear()
    const naming = made.naming()
    expect(naming?.members.map(({ incarnation }) => incarnation)).toEqual(['A', 'B', 'C'])
    expect(naming?.replaces).toBe(0)
    state.configuration = named
    expect(made.naming()).toBeNull()
  })
})

/** The calls of a node whose reads are answered at once, and which keeps what is given. */
function calls() {
  const view = new MembersView(first)
  const clock = new VirtualClock()
  const given: MembersEntry[] = []
  const reads: PendingRead[] = []
  const state: { refusal: MembersRefusedError | null; isThere: boolean } = {
    refusal: null,
    isThere: true,
  }
  const made = new MembersCalls({
    view,
    clock,
    read: (read) => void reads.push(read),
    give: (entry) => {
      given.push(entry)
      if (state.refusal !== null) throw state.refusal
      return state.isThere
    },
  })
  const answer = () => {
    for (const read of reads.splice(0)) read.answer()
  }
  const apply = (slot: number, entry: MembersEntry) => {
    if (view.applied(slot, entry)) made.membersChanged(false)
  }
  const add = (id: string, expected: number | null = null) =>
    made.change(
      () => ({ add: { [id]: { address: `memory://${id}`, role: 'learner' } } }),
      expected,
      {},
    )
  return { calls: made, view, clock, given, state, answer, apply, add }
}

/** How a promise stands. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  const outcomes = Promise.race([promise, settled().then(() => 'waits')])
  return await outcomes.catch((error: unknown) => error)
}

const last = <T>(items: readonly T[]): T => {
  const item = items.at(-1)
  if (item === undefined) throw new Error('There is none.')
  return item
}

describe('the calls', () => {
  it('wait until what they made is complete, and not only chosen', async () => {
    const { calls: made, view, given, answer, apply, add } = calls()
    const added = add('d')
    answer()
    apply(5, last(given))
    expect(await stateOf(added)).toBe('waits')
    view.completed(5)
    made.completed()
    expect(await added).toMatchObject({ version: 5, isComplete: true })
  })

  it('give what may be lost again, to the letter, so that it is made once', async () => {
    const { calls: made, given, answer, add } = calls()
    void add('d')
    answer()
    made.retry()
    made.retry()
    expect(given).toHaveLength(3)
    expect(new Set(given.map((entry) => encodeEntry(entry).join())).size).toBe(1)
  })

  it('P33: are made anew on what somebody else has changed, and undo nothing of it', async () => {
    const { given, answer, apply, add } = calls()
    void add('d')
    answer()
    apply(5, entryOf(first, { put: [], remove: ['c'] }))
    expect(given).toHaveLength(2)
    expect(last(given)).toMatchObject({ replaces: 5 })
    expect(last(given).members.map(({ id }) => id)).toEqual(['a', 'b', 'd'])
  })

  it('P33: do not make again what a snapshot may have brought and taken back', async () => {
    const { calls: made, view, given, answer, add } = calls()
    const added = add('d')
    answer()
    view.installed({
      through: 50,
      members: [],
      bytes: new Uint8Array(),
      configuration: encodeConfiguration({ ...first, version: 40 }),
    })
    made.membersChanged(true)
    expect(await stateOf(added)).toBeInstanceOf(MembersConflictError)
    expect(given).toHaveLength(1)
  })

  it('give up when somebody was faster than an expected version allows', async () => {
    const { answer, apply, add, given } = calls()
    const added = add('d', 0)
    answer()
    apply(5, entryOf(first, { put: [], remove: ['c'] }))
    expect(await stateOf(added)).toMatchObject({ expected: 0, actual: 5 })
    expect(given).toHaveLength(1)
  })

  it('bear with a new voter as long as it gets on, and no longer', async () => {
    const { calls: made, clock, state, answer, apply, given } = calls()
    const added = made.change(() => ({ add: { d: { address: 'memory://d' } } }), null, {})
    answer()
    for (let stored = 0; stored < 5; stored += 1) {
      state.refusal = new MembersRefusedError('not-caught-up', `It has stored ${stored}.`)
      if (stored === 0) apply(5, last(given))
      made.retry()
      await clock.advance(NEW_VOTER_PATIENCE_MS - 1)
    }
    expect(await stateOf(added)).toBe('waits')
    await clock.advance(1)
    made.retry()
    const error = await stateOf(added)
    expect(error).toBeInstanceOf(NotPromotedError)
    expect(error).toMatchObject({ learners: ['d'] })
  })

  it('whose rest is refused when their beginning is made do not say that nothing was changed', async () => {
    const { calls: made, view, given, answer, apply } = calls()
    const added = made.change(
      () => ({ add: { d: { address: 'memory://d' } }, remove: ['c'] }),
      null,
      {},
    )
    answer()
    apply(5, last(given))
    apply(6, entryOf(view.configuration, { put: [], remove: ['c'] }))
    const error = await stateOf(added)
    expect(error).toBeInstanceOf(NotPromotedError)
    expect(error).toMatchObject({ learners: ['d'], cause: { reason: 'unknown-member' } })
  })

  it('believe a refusal of what they gave, and no other', async () => {
    const { calls: made, given, answer, add } = calls()
    const added = add('d')
    answer()
    const refusal = new MembersRefusedError('no-live-quorum', 'Nobody is there.')
    const own = encodeEntry(last(given))
    const { members } = last(given)
    // Another node's change, which begins like this one.
    const other = encodeEntry({ ...last(given), members: members.slice(0, -1) })
    made.refused([other], refusal)
    expect(await stateOf(added)).toBe('waits')
    made.refused([other, own], refusalFromWords(refusalInWords(refusal)))
    expect(await stateOf(added)).toMatchObject({ reason: 'no-live-quorum' })
  })

  it('whose change was with nobody before it is refused say that it is not made', async () => {
    const { calls: made, state, answer, add } = calls()
    // At first nobody was there to whom to give it.
    state.isThere = false
    const added = add('d')
    answer()
    const refusal = new MembersRefusedError('no-live-quorum', 'Nobody is there.')
    state.refusal = refusal
    made.retry()
    expect(await stateOf(added)).toBe(refusal)
    expect(refusal.outcome).toBe('not-made')
  })

  it.each(['this node, which leads by now', 'the leader'])(
    'whose change was with somebody when %s refuses it say that it may be made yet',
    async (by) => {
      const { calls: made, given, state, answer, add } = calls()
      const added = add('d')
      answer()
      const refusal = new MembersRefusedError('no-live-quorum', 'Nobody is there.')
      state.refusal = refusal
      if (by === 'the leader') made.refused([encodeEntry(last(given))], refusal)
      else made.retry()
      const error = await stateOf(added)
      expect(error).toMatchObject({ reason: 'no-live-quorum', outcome: 'unknown' })
      expect(String(error)).toMatch(/Nobody is there\. .* may be made yet: look at members\(\)/)
    },
  )

  it('whose change is another by now are refused for good', async () => {
    const { given, state, answer, apply, add } = calls()
    const added = add('d')
    answer()
    state.refusal = new MembersRefusedError('no-live-quorum', 'Nobody is there.')
    // What was given takes the place of a version that is past.
    apply(5, entryOf(first, { put: [], remove: ['c'] }))
    expect(given).toHaveLength(2)
    expect(await stateOf(added)).toBe(state.refusal)
    expect(state.refusal.outcome).toBe('not-made')
  })

  it.each([
    [true, /may be made yet/],
    [false, /nobody was removed\.$/],
  ])('that give up on a new voter say whether its promotion was out: %s', async (isOut, said) => {
    const { calls: made, clock, state, answer, apply, given } = calls()
    const added = made.change(() => ({ add: { d: { address: 'memory://d' } } }), null, {})
    answer()
    if (!isOut) state.refusal = new MembersRefusedError('not-caught-up', 'It is not there.')
    apply(5, last(given))
    state.refusal = new MembersRefusedError('not-caught-up', 'It is not there.')
    made.retry()
    await clock.advance(NEW_VOTER_PATIENCE_MS)
    made.retry()
    const error = await stateOf(added)
    expect(error).toBeInstanceOf(NotPromotedError)
    expect(String(error)).toMatch(said)
  })

  it('are made one after the other, and one that nobody awaits holds up no other', async () => {
    const { calls: made, given, answer, add } = calls()
    const controller = new AbortController()
    const { signal } = controller
    const abandoned = made.change(() => ({ remove: ['c'] }), null, { signal })
    const second = add('d')
    answer()
    expect(given).toHaveLength(1)
    controller.abort(new Error('enough'))
    expect(await stateOf(abandoned)).toMatchObject({ message: 'enough' })
    answer()
    expect(await stateOf(second)).toBe('waits')
    expect(last(given).members.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('are refused when too many wait', async () => {
    const { add } = calls()
    for (let count = 0; count < MAX_MEMBERS_CALLS; count += 1) void add(`d${count}`)
    expect(await stateOf(add('e'))).toBeInstanceOf(OverloadedError)
  })

  it('end with the node', async () => {
    const { calls: made, add } = calls()
    const [one, two] = [add('d'), add('e')]
    const error = new Error('over')
    made.end(error)
    expect(await Promise.allSettled([one, two])).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ])
  })
})

describe('a node is sure that what it knows is the newest', () => {
  const five = { ...firstConfiguration(at('abcde')), version: 7 }

  it('when half of the other voters say how far they are, and nobody is further', () => {
    const surely = new Surely()
    expect(surely.isCurrent('a', 100, five)).toBe(false)
    surely.said('b', 90)
    surely.said('x', 90)
    expect(surely.isCurrent('a', 100, five)).toBe(false)
    surely.said('c', 100)
    expect(surely.isCurrent('a', 99, five)).toBe(false)
    expect(surely.isCurrent('a', 100, five)).toBe(true)
    surely.said('x', 101)
    expect(surely.isCurrent('a', 100, five)).toBe(false)
    surely.keep(at('bc'))
    expect(surely.isCurrent('a', 100, five)).toBe(true)
  })

  it('never while nobody is heard, however few others there are', () => {
    const surely = new Surely()
    expect(surely.isCurrent('a', 100, { ...firstConfiguration(at('a')), version: 7 })).toBe(false)
  })

  it('and that others have a slot on their disks, a while after they said so', () => {
    const surely = new Surely()
    surely.said('b', 7)
    surely.said('c', 6)
    expect(surely.whoHas(7, 1000, 500).size).toBe(0)
    expect([...surely.whoHas(7, 1500, 500)]).toEqual(['b'])
    // Another slot is another question.
    surely.said('c', 8)
    expect(surely.whoHas(8, 1600, 500).size).toBe(0)
  })
})
