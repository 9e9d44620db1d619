/** A process that is no member asks a cluster: over real sockets, as users do. */
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { connect, RemoteError } from '@paxos/remote'
import type { RemoteReplica } from '@paxos/remote'
import {
  ClosedError,
  CommandFailedError,
  CommandRefusedError,
  SessionExpiredError,
  ValueTooLargeError,
} from '@paxos/replica'
import type { Replica, ReplicaClient } from '@paxos/replica'
import { serveNodes, Sums } from './nodes.ts'
import type { Add, Nodes } from './nodes.ts'

type SumsClient = ReplicaClient<Add, number, string, number>

let served: Nodes
let remote: RemoteReplica<Add, number, string, number>

beforeAll(async () => {
  served = await serveNodes(['a', 'b', 'c'])
  remote = await connect(served.addresses, { stateMachine: new Sums() })
})

afterAll(async () => {
  await remote.close()
  await served.close()
})

/** What a program does, wherever its state machine runs. */
async function program(client: SumsClient, name: string): Promise<unknown> {
  const seen: unknown[] = []
  const events = client.events()
  const changed = new Promise<void>((resolve) => {
    const end = client.watch(() => {
      end()
      resolve()
    })
  })
  seen.push(await client.propose({ name, add: 2 }))
  await changed
  const id = await client.openSession()
  for (const sequence of [1, 1, 2]) {
    seen.push(await client.propose({ name, add: 5 }, { session: { id, sequence } }))
  }
  for (const consistency of ['linearizable', 'lease', 'local'] as const) {
    seen.push(await client.query(name, { consistency }))
  }
  seen.push(await client.query(name, { consistency: 'bounded', maxStalenessMs: 0 }))
  const failures = [
    client.propose({ name: 'refused', add: 1 }),
    client.propose({ name: 'broken', add: 1 }),
    client.propose({ name, add: 1 }, { session: { id: 'f'.repeat(32), sequence: 1 } }),
    client.propose({ name, add: 1 }, { session: { id: 'none', sequence: 1 } }),
    client.propose({ name: 'x'.repeat(2 << 20), add: 1 }),
    client.propose({ name, add: Number.NaN }),
    client.propose({ name, add: 1 }, { signal: AbortSignal.abort('enough') }),
    client.query(name, { consistency: 'bounded' }),
  ]
  for (const failure of await Promise.allSettled(failures)) {
    if (failure.status === 'fulfilled') throw new Error('It was to fail.')
    const { reason }: { reason: unknown } = failure
    seen.push(reason instanceof Error ? [reason.constructor, reason.message] : reason)
  }
  await events.return?.()
  seen.push(await client.query(name))
  return seen
}

describe('a program that is written for ReplicaClient', () => {
  it('sees the same, errors and their words included, in the process of a member and elsewhere', async () => {
    const embedded = await program((await served.leader()).replica, 'embedded')
    expect(await program(remote, 'remote')).toEqual(embedded)
    expect(embedded).toContainEqual([CommandRefusedError, 'Nobody adds to this one.'])
    expect(embedded).toContainEqual([SessionExpiredError, expect.any(String)])
    expect(embedded).toContainEqual([ValueTooLargeError, expect.any(String)])
    expect(embedded).toContainEqual([InvalidArgumentError, expect.any(String)])
    expect(embedded).toContainEqual([CommandFailedError, expect.any(String)])
  })

  it('is given either by the types', () => {
    type Embedded = Replica<Add, number, string, number>
    type Remote = RemoteReplica<Add, number, string, number>
    type Calls = keyof Omit<SumsClient, 'close'>
    expectTypeOf<Embedded>().toExtend<SumsClient>()
    expectTypeOf<Remote>().toExtend<SumsClient>()
    expectTypeOf<Pick<Remote, Calls>>().toEqualTypeOf<Pick<Embedded, Calls>>()
  })
})

describe('a client', () => {
  it('has many commands under way in one session, more of them than a session remembers', async () => {
    const sums = await Promise.all(
      Array.from({ length: 600 }, () => remote.propose({ name: 'many', add: 1 })),
    )
    expect(new Set(sums).size).toBe(600)
    expect(await remote.query('many')).toBe(600)
  })

  it('is told what a query has thrown, where that is no error of ours', async () => {
    const failure = remote.query('broken')
    await expect(failure).rejects.toThrow(RemoteError)
    await expect(failure).rejects.toMatchObject({ message: 'There is no such sum.' })
  })

  it('says how it is connected', () => {
    const { state, address, node, leader, problems } = remote.status()
    expect({ state, problems }).toEqual({ state: 'connected', problems: [] })
    expect(served.addresses).toContain(address)
    expect(served.nodes.map(({ id }) => id)).toEqual(expect.arrayContaining([node, leader]))
  })

  it('that is closed tells who waits, and takes nothing more', async () => {
    const { hub } = served
    for (const { id } of served.nodes) hub.freeze(id)
    const other = await connect(served.addresses, { stateMachine: new Sums() })
    const events = other.events()
    const told = expect(other.propose({ name: 'closed', add: 1 })).rejects.toThrow(ClosedError)
    await other.close()
    for (const { id } of served.nodes) hub.thaw(id)
    await told
    await expect(other.query('closed')).rejects.toThrow(ClosedError)
    expect(await events.next()).toEqual({ done: true, value: undefined })
    expect(other.status().state).toBe('closed')
  })
})
