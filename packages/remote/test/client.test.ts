/** When a client does what, on virtual time and with servers that do as a test says. */
import { describe, expect, it } from 'vitest'
import { json, SessionExpiredError, TimeoutError, TooManySessionsError } from '@paxos/replica'
import { jsonOrNothing } from '@paxos/replica/client'
import { connectSettingsOf } from '../src/connect-options.ts'
import { RemoteReplica } from '../src/remote-replica.ts'
import type { Dialled } from './pretended.ts'
import { PretendedClock, pretendedDial, settled } from './pretended.ts'

const A = 'ws://a:1/paxos'
const B = 'ws://b:1/paxos'
const C = 'ws://c:1/paxos'
const SESSION = 'a'.repeat(32)

/** A client that has dialled the first address. */
function client(addresses: readonly string[]) {
  const clock = new PretendedClock()
  const { dial, dialled } = pretendedDial(clock)
  const settings = connectSettingsOf(addresses, { clock, random: () => 0 })
  const codecs = {
    command: json<string>(),
    result: jsonOrNothing<string>(),
    query: json<string>(),
    answer: jsonOrNothing<string>(),
  }
  const remote = new RemoteReplica<string, string, string, string>(settings, codecs, dial)
  const isConnected = remote.connected(undefined, 1_000_000)
  isConnected.catch(() => undefined)
  const last = (): Dialled => {
    const found = dialled.at(-1)
    if (found === undefined) throw new Error('Nobody was dialled.')
    return found
  }
  return { remote, clock, dialled, last, isConnected }
}

/** A client that asks the first address, with a session of its own. */
async function connected(addresses: readonly string[]) {
  const made = client(addresses)
  made.last().welcome()
  await made.isConnected
  return made
}

/** The same, with a session of its own. */
async function withSession(addresses: readonly string[]) {
  const made = await connected(addresses)
  const first = made.remote.propose('first')
  await settled()
  const [opening] = made.last().of('open-session')
  made.last().tell({ type: 'session', id: opening?.id ?? 0, session: SESSION })
  await settled()
  const [command] = made.last().of('propose')
  made.last().tell({ type: 'answer', id: command?.id ?? 0 }, 'done')
  expect(await first).toBe('done')
  return made
}

describe('a client that reaches nobody', () => {
  it('tries each address at once, then all again after longer and longer, up to five seconds', async () => {
    const { clock, dialled, last, remote } = client([A, B])
    for (let failures = 1; failures <= 24; failures += 1) {
      last().lose()
      while (dialled.length === failures) await clock.advance(10)
    }
    expect(dialled.map(({ address }) => address).slice(0, 4)).toEqual([A, B, A, B])
    const pauses = dialled.slice(1).map(({ atMs }, at) => atMs - (dialled[at]?.atMs ?? 0))
    const between = [0, 50, 0, 100, 0, 200, 0, 400, 0, 800, 0, 1600, 0, 3200, 0, 5000, 0, 5000]
    expect(pauses.slice(0, between.length)).toEqual(between)
    await remote.close()
  })

  it('gives each up that says nothing for five seconds', async () => {
    const { clock, dialled, remote } = client([A, B])
    await clock.advance(4999)
    expect(dialled).toHaveLength(1)
    await clock.advance(1)
    expect(dialled.map(({ address, ended }) => [address, ended])).toEqual([
      [A, 'destroyed'],
      [B, null],
    ])
    await remote.close()
  })

  it('says of a call that was never sent that it was not applied', async () => {
    const { clock, last, remote } = await connected([A])
    last().lose('was lost on the way')
    const call = remote.propose('x', { timeoutMs: 1000 })
    const told = expect(call).rejects.toMatchObject({
      code: 'ERR_PAXOS_TIMEOUT',
      message: expect.stringContaining('was not applied'),
      cause: { attempts: [{ address: A, problem: 'was lost on the way' }] },
    })
    await clock.advance(1000)
    await told
    await remote.close()
  })
})

describe('a server that falls silent', () => {
  it('is left after two heartbeats without a sign, and what it was asked is asked elsewhere', async () => {
    const { clock, dialled, last, remote } = await connected([A, B])
    const call = remote.query('x')
    await clock.advance(5000)
    last().pong()
    await clock.advance(10_000)
    expect(dialled).toHaveLength(1)
    await clock.advance(5000)
    expect(dialled.map(({ address }) => address)).toEqual([A, B])
    last().welcome()
    const [query] = last().of('query')
    last().tell({ type: 'answer', id: query?.id ?? 0 }, 'y')
    expect(await call).toBe('y')
    await remote.close()
  })

  it('is not left while it answers pings, however long a call takes', async () => {
    const { clock, dialled, last, remote } = await connected([A, B])
    void remote.query('x').catch(() => undefined)
    for (let beat = 0; beat < 100; beat += 1) {
      await clock.advance(5000)
      last().pong()
    }
    expect(dialled).toHaveLength(1)
    expect(last().pings).toBe(100)
    await remote.close()
  })

  it('and a process that stood still itself blames nobody', async () => {
    const { clock, dialled, last, remote } = await connected([A, B])
    clock.jump(60_000)
    await clock.advance(5000)
    last().pong()
    await clock.advance(5000)
    expect(dialled).toHaveLength(1)
    await remote.close()
  })
})

describe('a server that knows no leader', () => {
  it('is left for another one after two heartbeats', async () => {
    const { clock, dialled, last, remote } = await connected([A, B])
    last().tell({ type: 'leader', leader: null, address: null })
    await clock.advance(5000)
    last().pong()
    expect(dialled).toHaveLength(1)
    await clock.advance(5000)
    expect(dialled.map(({ address }) => address)).toEqual([A, B])
    await remote.close()
  })

  it('is asked on where it is the only one', async () => {
    const { clock, dialled, last, remote } = await connected([A])
    last().tell({ type: 'leader', leader: null, address: null })
    for (let beat = 0; beat < 5; beat += 1) {
      await clock.advance(5000)
      last().pong()
    }
    expect(dialled).toHaveLength(1)
    await remote.close()
  })
})

describe('a client moves', () => {
  it('to the server of the leader, and what is under way is asked there', async () => {
    const { dialled, last, remote } = await connected([A, B, C])
    const [first] = dialled
    const call = remote.query('x')
    first?.tell({ type: 'leader', leader: 'c', address: 'ws://c:1' })
    expect(last().address).toBe(C)
    last().welcome('c', 'c', C)
    await settled()
    expect(first?.ended).toBe('done')
    const [query] = last().of('query')
    last().tell({ type: 'answer', id: query?.id ?? 0 }, 'y')
    expect(await call).toBe('y')
    expect(remote.status()).toMatchObject({ address: C, node: 'c', leader: 'c' })
    await remote.close()
  })

  it('to no address that it was not given, for it would show its token there', async () => {
    const { clock, dialled, last, remote } = await connected([A])
    last().tell({ type: 'leader', leader: 'evil', address: 'ws://evil.example/paxos' })
    await clock.advance(5000)
    expect(dialled).toHaveLength(1)
    await remote.close()
  })

  it('once a heartbeat at most, when two servers each say that the other leads', async () => {
    const { clock, dialled, last, remote } = await connected([A, B])
    const points = (): void => {
      const other = last().address === A ? B : A
      last().tell({ type: 'leader', leader: other, address: other })
    }
    points()
    const welcomed = new Set<Dialled>()
    for (let second = 0; second < 20; second += 1) {
      if (!welcomed.has(last())) last().welcome()
      welcomed.add(last())
      points()
      await clock.advance(1000)
      last().pong()
    }
    // The first, and one in each five seconds.
    expect(dialled.length).toBeGreaterThan(2)
    expect(dialled.length).toBeLessThanOrEqual(6)
    await remote.close()
  })

  it('nowhere when the server of the leader cannot be reached: it is asked on where it is', async () => {
    const { dialled, last, remote } = await connected([A, B])
    const [first] = dialled
    first?.tell({ type: 'leader', leader: 'b', address: B })
    last().lose()
    expect(remote.status()).toMatchObject({ state: 'connected', address: A })
    expect(first?.ended).toBeNull()
    await remote.close()
  })
})

describe('a session of a client', () => {
  it('carries the same sequence when it is asked again, also by another server', async () => {
    const { dialled, last, remote } = await withSession([A, B])
    const calls = ['x', 'y'].map((command) => remote.propose(command))
    await settled()
    const asked = last().of('propose').slice(1)
    expect(asked).toMatchObject([
      { session: SESSION, sequence: 2, acknowledged: 2 },
      { session: SESSION, sequence: 3, acknowledged: 2 },
    ])
    last().lose()
    expect(dialled).toHaveLength(2)
    last().welcome()
    expect(last().of('propose')).toEqual(asked)
    for (const { id } of asked) last().tell({ type: 'answer', id }, 'done')
    expect(await Promise.all(calls)).toEqual(['done', 'done'])
    await remote.close()
  })

  it('that was idle for long, by its own clock or that on the wall, is not used again', async () => {
    for (const suspended of [false, true]) {
      const { clock, last, remote } = await withSession([A])
      if (suspended) clock.suspendedMs = 900_000
      else {
        for (let beat = 0; beat < 180; beat += 1) {
          await clock.advance(5000)
          last().pong()
        }
      }
      void remote.propose('x').catch(() => undefined)
      await settled()
      expect(last().of('open-session')).toHaveLength(2)
      expect(last().of('propose')).toHaveLength(1)
      await remote.close()
    }
  })

  it('that expired all the same is told, for nobody knows what came of the command', async () => {
    const { last, remote } = await withSession([A])
    const call = remote.propose('x')
    await settled()
    const id = last().of('propose').at(-1)?.id ?? 0
    const code = 'ERR_PAXOS_SESSION_EXPIRED'
    last().tell({ type: 'error', id, code, message: 'It is gone.', leader: null })
    await expect(call).rejects.toThrow(SessionExpiredError)
    await expect(call).rejects.toMatchObject({ outcome: 'unknown', message: 'It is gone.' })
    void remote.propose('y').catch(() => undefined)
    await settled()
    expect(last().of('open-session')).toHaveLength(2)
    await remote.close()
  })

  it('that cannot be opened is told to who waits for it, and asked for again by the next', async () => {
    const { last, remote } = await connected([A])
    const call = remote.propose('x')
    await settled()
    const [opening] = last().of('open-session')
    const code = 'ERR_PAXOS_TOO_MANY_SESSIONS'
    last().tell({ type: 'error', id: opening?.id ?? 0, code, message: 'None.', leader: null })
    await expect(call).rejects.toThrow(TooManySessionsError)
    void remote.propose('y').catch(() => undefined)
    await settled()
    expect(last().of('open-session')).toHaveLength(2)
    await remote.close()
  })
})

describe('what a server says of itself', () => {
  it('that its node is over, is no answer: the call is answered by another', async () => {
    const { dialled, last, remote } = await withSession([A, B])
    const call = remote.propose('x')
    await settled()
    const asked = last().of('propose').at(-1)
    const code = 'ERR_PAXOS_STOPPED'
    last().tell({ type: 'error', id: asked?.id ?? 0, code, message: 'disk', leader: null })
    await settled()
    expect(dialled[0]?.ended).toBe('done')
    last().welcome()
    expect(last().of('propose')).toEqual([asked])
    last().tell({ type: 'answer', id: asked?.id ?? 0 }, 'done')
    expect(await call).toBe('done')
    await remote.close()
  })

  it('that it lets nobody in any more, is told with whether the call had been sent', async () => {
    const { clock, last, remote } = await withSession([A])
    const sent = remote.propose('x')
    await settled()
    last().lose()
    const unsent = remote.propose('y')
    const code = 'ERR_PAXOS_UNAUTHORIZED'
    const told = Promise.all([
      expect(sent).rejects.toMatchObject({ code, outcome: 'unknown' }),
      expect(unsent).rejects.toMatchObject({ code, outcome: 'not-asked' }),
    ])
    await clock.advance(100)
    last().lose('does not let this client in (401)', 'unauthorized')
    await told
    await remote.close()
  })
})

it('a client that is closed twice at a time is closed for both', async () => {
  const { remote } = client([A])
  await Promise.all([remote.close(), remote.close()])
  expect(remote.status().state).toBe('closed')
})

it('a client that is closed leaves no timer and no connection behind', async () => {
  const { clock, dialled, remote } = await withSession([A, B])
  void remote.query('x', { timeoutMs: 1000 }).catch(() => undefined)
  await remote.close()
  await settled()
  expect(dialled.map(({ ended }) => ended)).toEqual(['done'])
  expect(clock.timers).toBe(0)
})

it('a timeout says that a command was sent, and may be applied', async () => {
  const { clock, last, remote } = await withSession([A])
  const call = remote.propose('x', { timeoutMs: 1000 })
  const told = expect(call).rejects.toThrow(/may have been applied/)
  await clock.advance(1000)
  await told
  await expect(call).rejects.toThrow(TimeoutError)
  const id = last().of('propose').at(-1)?.id
  expect(last().of('cancel')).toEqual([{ type: 'cancel', id }])
  await remote.close()
})
