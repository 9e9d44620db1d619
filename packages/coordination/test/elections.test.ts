/** Elections: one leads, all know who, and a term that ends is known to be over. */
import { describe, expect, it } from 'vitest'
import type { Leader } from '@paxos/coordination'
import { isSettled, world } from './world.ts'

describe('an election', () => {
  it('has one leader, whom all see, and another one when that resigns', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()].map(({ coordination }) => coordination.election('e'))
    if (a === undefined || b === undefined) throw new Error('no process')
    const term = await within(a.campaign({ value: { url: 'a' } }))
    const next = b.campaign({ value: { url: 'b' } })
    await clock.advance(100)
    expect(await isSettled(next)).toBe(false)
    expect(await b.leader()).toEqual({ value: { url: 'a' }, token: term.token })
    await within(a.resign())
    expect(term.signal.aborted).toBe(true)
    const second = await within(next)
    expect(second.token).toBeGreaterThan(term.token)
    expect(await a.leader()).toEqual({ value: { url: 'b' }, token: second.token })
    await within(second.resign())
    expect(await a.leader()).toBeNull()
  })

  it('tells who observes of each leader, and when there is none', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const seen: (Leader | null)[] = []
    const controller = new AbortController()
    const observed = (async () => {
      const { signal } = controller
      for await (const leader of b.coordination.election('e').observe({ signal })) seen.push(leader)
    })()
    await clock.advance(10)
    const term = await within(a.coordination.election('e').campaign({ value: 'a' }))
    await clock.advance(1000)
    await within(term.resign())
    await clock.advance(10)
    const again = await within(a.coordination.election('e').campaign({ value: 'again' }))
    await clock.advance(10)
    expect(seen).toEqual([
      null,
      { value: 'a', token: term.token },
      null,
      { value: 'again', token: again.token },
    ])
    const reason = new Error('seen enough')
    controller.abort(reason)
    await expect(observed).rejects.toBe(reason)
  })

  it('shows a leader that died no longer than its time to live, though nobody campaigns', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const term = await within(a.coordination.election('e').campaign({ value: 'a', ttlMs: 1000 }))
    a.cut()
    a.clock.freeze()
    await clock.advance(2000)
    expect(await b.coordination.election('e').leader()).toBeNull()
    expect(term.isHeld).toBe(false)
  })

  it('is no longer observed when its loop is left, or the coordination is closed', async () => {
    const { process, within, log } = world()
    const a = process()
    const listeners = log.listeners.size
    const left = a.coordination.election('e').observe()
    await left.next()
    const waits = left.next()
    await left.return?.()
    expect(await within(waits)).toEqual({ done: true, value: undefined })
    expect(log.listeners.size).toBe(listeners)
    const observed = a.coordination.election('e').observe()
    await observed.next()
    const last = observed.next()
    await within(a.coordination.close())
    expect(await within(last)).toEqual({ done: true, value: undefined })
    expect(log.listeners.size).toBe(0)
  })
})
