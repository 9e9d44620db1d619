/** To whom sessions belong, who can take them away, and when they end. */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { encodeEntry, MAX_SESSIONS, SessionTable } from '@paxos/core/multi'
import type { Entry, SessionId } from '@paxos/core/multi'
import { memory, memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { SessionExpiredError, TooManySessionsError } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { Applier } from '../src/applier.ts'
import { encodeState } from '../src/replica-snapshot.ts'
import { settingsOf } from '../src/replica-settings.ts'
import { encodeStored } from '../src/stored-result.ts'
import { closeAll, leaderOf, replicaCluster, Sums, within } from './replica-cluster.ts'

const one = { name: 'x', add: 1 }
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const ofHex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('a session belongs to who opened it', () => {
  it('its id is 32 digits that were drawn at random, another one each time', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll({ randomBytes: undefined })
    const [, node] = leaderOf(nodes)
    const ids = await within(cluster, Promise.all([node.openSession(), node.openSession()]))
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
    expect(new Set(ids).size).toBe(2)
    await closeAll(nodes)
  })

  it('whoever counts, or knows what a node drew for itself, hits none: plain commands are made', async () => {
    const cluster = replicaCluster('a')
    const drawn: string[] = []
    const nodes = await cluster.openAll({
      randomBytes: (length) => {
        const bytes = new Uint8Array(length).fill(drawn.length + 1)
        drawn.push(Buffer.from(bytes).toString('hex'))
        return bytes
      },
    })
    const [, node] = leaderOf(nodes)
    expect(await within(cluster, node.propose(one))).toBe(1)
    const through = node.status().chosenThrough
    const counted = Array.from({ length: through }, (_, slot) => String(slot + 1))
    // The name of the node's own session comes of what it drew and of a slot.
    const known = drawn.flatMap((hex) =>
      Array.from({ length: through + 1 }, (_, slot) => {
        const last = Number.parseInt(hex.slice(-2), 16) ^ slot
        return hex.slice(0, -2) + last.toString(16).padStart(2, '0')
      }),
    )
    for (const id of [...counted, ...known]) {
      const attempt = node.propose(one, { session: { id, sequence: 2 } })
      await expect(within(cluster, attempt)).rejects.toThrow(SessionExpiredError)
    }
    expect(await within(cluster, node.propose(one))).toBe(2)
    await closeAll(nodes)
  })

  it('no error tells its id, which may be read by others', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    for (const id of ['ab'.repeat(16), '7', 'AB'.repeat(16)]) {
      const attempt = within(cluster, node.propose(one, { session: { id, sequence: 1 } }))
      const error: unknown = await attempt.catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      expect(String(error)).not.toContain(id)
    }
    await closeAll(nodes)
  })

  it('commands of one session may be on their way together, and each is applied once', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [a, b] = [...nodes.values()]
    if (a === undefined || b === undefined) throw new Error('There are three.')
    const id = await within(cluster, a.openSession())
    const inOrder = [2, 1, 3].map((sequence) => ({ id, sequence, acknowledged: 1 }))
    const first = inOrder.map((session) => a.propose(one, { session }))
    // The same again, by another node, as after a connection that was lost.
    const again = inOrder.map((session) => b.propose(one, { session }))
    const results = await within(cluster, Promise.all(first))
    expect(results.toSorted((x, y) => x - y)).toEqual([1, 2, 3])
    expect(await within(cluster, Promise.all(again))).toEqual(results)
    await closeAll(nodes)
  })

  it.each([0, 1.5, 3, '1', null])(
    'that %j is answered is refused for sequence 2',
    async (below) => {
      const cluster = replicaCluster('a')
      const nodes = await cluster.openAll()
      const [, node] = leaderOf(nodes)
      const id = await within(cluster, node.openSession())
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as plain JavaScript may call it
      const session = { id, sequence: 2, acknowledged: below as number }
      await expect(node.propose(one, { session })).rejects.toThrow(InvalidArgumentError)
      await closeAll(nodes)
    },
  )

  it('a source that draws too little is refused before anything is opened', async () => {
    const cluster = replicaCluster('a')
    const opened = cluster.open('a', { randomBytes: () => new Uint8Array(8) })
    await expect(opened).rejects.toThrow(InvalidArgumentError)
  })
})

describe('sessions in use are not pushed out', () => {
  it('when all places are taken another is refused, and those go on; so do the nodes’ own', async () => {
    const cluster = replicaCluster('a')
    const { table, sessions } = tableInUse(MAX_SESSIONS)
    await write(cluster.disks.get('a'), { table, applied: MAX_SESSIONS, through: 2 * MAX_SESSIONS })
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    const opening = within(cluster, node.openSession())
    await expect(opening).rejects.toThrow(TooManySessionsError)
    const [first = ''] = sessions
    const session = { id: String(first).slice('caller:'.length), sequence: 1 }
    expect(await within(cluster, node.propose(one, { session }))).toBe(1)
    expect(await within(cluster, node.propose(one))).toBe(MAX_SESSIONS + 1)
    expect(node.status()).toMatchObject({ sessions: MAX_SESSIONS + 1, pending: 0 })
    await closeAll(nodes)
  })
})

describe('a session that is in use does not end', () => {
  it('although a new leader saw it long ago: it counts from when it leads', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll({ sessionTimeoutMs: 60_000 })
    const [id, leader] = leaderOf(nodes)
    const session = await within(cluster, leader.openSession())
    const use = (sequence: number): Promise<number> =>
      within(cluster, leaderOf(nodes)[1].propose(one, { session: { id: session, sequence } }))
    expect(await use(1)).toBe(1)
    await cluster.clock.advance(50_000)
    await cluster.crash(id, leader)
    nodes.delete(id)
    await cluster.clock.advance(30_000)
    expect(await use(2)).toBe(2)
    await cluster.clock.advance(80_000)
    await expect(use(3)).rejects.toThrow(SessionExpiredError)
    await closeAll(nodes)
  })

  it('although a leader wants to end it: not when the log has a use that it had not applied', () => {
    const { applier, apply } = applied()
    apply({ type: 'open-session', space: 'caller', nonce: new Uint8Array(16) })
    const sessions = applier.sessionsIdleSince(1000)
    const [{ session } = { session: NOBODY }] = sessions
    expect(sessions).toEqual([{ session, usedAt: 1 }])
    const numbers = { sequence: 1, acknowledged: 1, bytes: bytesOf(one) }
    apply({ type: 'command', session, ...numbers })
    apply({ type: 'expire-unused', sessions })
    expect(applier.sessions).toBe(1)
    apply({ type: 'expire-unused', sessions: applier.sessionsIdleSince(1000) })
    expect(applier.sessions).toBe(0)
  })
})

it('what release 0.0.0 wrote opens: its commands are applied once, and its sessions are nobody’s', async () => {
  const cluster = replicaCluster('a')
  const add = Buffer.from(bytesOf(one)).toString('hex')
  const values = [
    `01 01 01 01 ${add}`, // session 1, sequence 1 again
    `01 01 02 02 ${add}`,
    '02 07', // opens session 5
    `01 05 01 01 ${add}`,
    '03 01 01', // ends session 1
    `01 01 03 03 ${add}`,
  ]
  // Session 1 with the result of its sequence 1.
  const sessions = ofHex('01 01 01 01 01 02 01 01 01 01 31')
  await write(cluster.disks.get('a'), {
    bytes: encodeState({ sessions, machine: bytesOf([['x', 1]]), revision: 2 }),
    through: 2,
    values: values.map(ofHex),
  })
  const nodes = await cluster.openAll()
  const [, node] = leaderOf(nodes)
  expect(await within(cluster, node.propose(one))).toBe(4)
  expect(node.status().sessions).toBe(2)
  const old = node.propose(one, { session: { id: '5', sequence: 1 } })
  await expect(old).rejects.toThrow(SessionExpiredError)
  await closeAll(nodes)
})

const NOBODY: SessionId = `caller:${'0'.repeat(32)}`

/** A table whose sessions have all been used once, each by adding one to x. */
function tableInUse(size: number): {
  readonly table: SessionTable
  readonly sessions: readonly SessionId[]
} {
  const table = new SessionTable()
  for (let slot = 1; slot <= size; slot += 1) {
    const nonce = new Uint8Array(16)
    new DataView(nonce.buffer).setUint32(0, slot)
    table.apply(slot, { type: 'open-session', space: 'caller', nonce }, (bytes) => bytes)
  }
  const { sessions } = table
  for (const [index, session] of sessions.entries()) {
    const numbers = { sequence: 1, acknowledged: 1, bytes: bytesOf(one) }
    const stored = encodeStored({ type: 'result', bytes: bytesOf(index + 1) })
    table.apply(size + index + 1, { type: 'command', session, ...numbers }, () => stored)
  }
  return { table, sessions }
}

type Written =
  | { readonly table: SessionTable; readonly applied: number; readonly through: number }
  | {
      readonly bytes: Uint8Array
      readonly through: number
      readonly values: readonly Uint8Array[]
    }

/** Has a disk hold a snapshot, and what was chosen behind it. */
async function write(disk: MemoryDisk = memoryDisk(), written: Written): Promise<void> {
  const durability = memory({ disk })
  await durability.open()
  const { through } = written
  const values = 'values' in written ? written.values : []
  const bytes =
    'bytes' in written
      ? written.bytes
      : encodeState({
          sessions: written.table.encode(),
          machine: bytesOf([['x', written.applied]]),
          revision: through,
        })
  const ballot = { round: 1, node: 'a' }
  await durability.save({
    promised: ballot,
    snapshot: { through, members: [{ id: 'a', address: 'memory://node-a' }], bytes },
    accepted: values.map((value, index) => ({ slot: through + index + 1, ballot, value })),
    chosenThrough: through + values.length,
  })
  await durability.close()
}

/** An applier at the time 0, and what applies an entry to it. */
function applied() {
  const settings = settingsOf({
    id: 'a',
    members: { a: 'memory://a' },
    transport: memoryTransport({ hub: memoryHub() }),
    durability: memory(),
    stateMachine: new Sums(),
  })
  const applier = new Applier(settings, null)
  const apply = (entry: Entry) => applier.apply(applier.appliedThrough + 1, encodeEntry(entry), 0)
  return { applier, apply }
}
