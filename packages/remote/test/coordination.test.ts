/** Locks among processes that are no members: coordination takes a connection as it takes a replica. */
import { expect, it } from 'vitest'
import { Coordination, coordinationMachine } from '@paxos/coordination'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { connect, serve } from '@paxos/remote'
import { Replica } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'

it('a lock that one client holds is another client’s when it is released, with a higher token', async () => {
  const stateMachine = coordinationMachine()
  await using replica = await Replica.open({
    id: 'a',
    members: { a: 'memory://a' },
    transport: memoryTransport({ hub: memoryHub() }),
    durability: memoryDurability(),
    stateMachine,
  })
  await using server = await serve(replica, { stateMachine })
  const open = () => connect([server.address ?? ''], { stateMachine: coordinationMachine() })
  await using first = await open()
  await using second = await open()
  const [mine, yours] = [new Coordination(first), new Coordination(second)]

  const held = await mine.lock('nightly', { ttlMs: 60_000 })
  expect(await yours.tryLock('nightly')).toBeNull()
  const waiting = yours.lock('nightly', { ttlMs: 60_000 })
  await held.release()
  const next = await waiting
  expect(next.token).toBeGreaterThan(held.token)
  expect(await mine.counter('runs').add(1)).toBe(1)
  expect(await yours.counter('runs').get()).toBe(1)
  await mine.close()
  await yours.close()
})
