/** Coordination on a cluster of replicas, beside another state machine: leaders die, and all restart. */
import { describe, expect, it } from 'vitest'
import { cluster, leaderOf } from './replicas.ts'
import { isSettled } from './world.ts'

const ttlMs = 5000

describe('on a cluster of replicas', () => {
  it('a lock outlives the leader of the log, and tokens go on growing', async () => {
    const { clock, hub, within, openAll } = cluster()
    const nodes = await openAll()
    await clock.advance(5000)
    const leader = leaderOf(nodes)
    const [one, two] = nodes.filter((node) => node !== leader)
    if (one === undefined || two === undefined) throw new Error('There are three.')
    const held = await within(one.coordination.lock('x', { ttlMs }))
    const next = two.coordination.lock('x', { ttlMs })
    expect(await within(one.replica.orders.propose('tea'))).toBe(1)
    hub.freeze(leader.id)
    await clock.advance(8000)
    expect(held.isHeld).toBe(true)
    expect(await isSettled(next)).toBe(false)
    await within(held.release())
    expect((await within(next)).token).toBeGreaterThan(held.token)
    for (const { replica } of nodes) await replica.close({ transfer: false })
  })

  it('a holder whose node is cut off knows it before another is granted', async () => {
    const { clock, hub, within, openAll } = cluster()
    const nodes = await openAll()
    await clock.advance(5000)
    const [one, two] = nodes
    if (one === undefined || two === undefined) throw new Error('There are three.')
    const order: string[] = []
    const held = await within(one.coordination.lock('x', { ttlMs }))
    held.signal.addEventListener('abort', () => order.push('aborted'))
    const next = two.coordination.lock('x', { ttlMs }).then((hold) => {
      order.push('granted')
      return hold
    })
    await clock.advance(1000)
    hub.freeze(one.id)
    const granted = await within(next)
    expect(order).toEqual(['aborted', 'granted'])
    expect(granted.token).toBeGreaterThan(held.token)
    hub.thaw(one.id)
    await clock.advance(5000)
    expect(granted.isHeld).toBe(true)
    for (const { replica } of nodes) await replica.close({ transfer: false })
  })

  it('a restart of all nodes forgets no lock, no value and no item', async () => {
    const { clock, hub, disks, within, openAll } = cluster()
    const nodes = await openAll()
    await clock.advance(5000)
    const { coordination } = leaderOf(nodes)
    const held = await within(coordination.lock('x', { ttlMs: 20_000 }))
    await within(coordination.counter('n').add(5))
    await within(coordination.queue('q').enqueue('item'))
    const sets = Array.from({ length: 30 }, (_, at) => coordination.map('m').set(`k${at}`, at))
    await within(Promise.all(sets))
    // All at once, as by a loss of power.
    for (const { id } of nodes) hub.freeze(id)
    for (const { id, replica } of nodes) {
      disks.get(id)?.crash()
      await replica.close({ transfer: false }).catch(() => undefined)
      hub.thaw(id)
    }
    const again = await openAll()
    await clock.advance(5000)
    const [one] = again
    if (one === undefined) throw new Error('There are three.')
    expect(await within(one.coordination.tryLock('x', { ttlMs }))).toBeNull()
    expect(await within(one.coordination.counter('n').get())).toBe(5)
    expect(await within(one.coordination.map('m').entries())).toHaveLength(30)
    expect((await within(one.coordination.queue('q').take())).value).toBe('item')
    // Nobody is left who could renew it.
    await clock.advance(5000)
    expect(await within(one.coordination.tryLock('x', { ttlMs }))).toBeNull()
    const next = await within(one.coordination.lock('x', { ttlMs }))
    expect(next.token).toBeGreaterThan(held.token)
    for (const { replica } of again) await replica.close({ transfer: false })
  })

  it('who waits on a node that is closed is told so', async () => {
    const { clock, within, openAll } = cluster()
    const nodes = await openAll()
    await clock.advance(5000)
    const [one, two] = nodes
    if (one === undefined || two === undefined) throw new Error('There are three.')
    await within(one.coordination.lock('x', { ttlMs }))
    const waits = two.coordination.lock('x', { ttlMs })
    waits.catch(() => undefined)
    await clock.advance(100)
    await two.replica.close({ transfer: false })
    await expect(within(waits)).rejects.toMatchObject({ code: 'ERR_PAXOS_CLOSED' })
    for (const { replica } of nodes) await replica.close({ transfer: false })
  })
})
