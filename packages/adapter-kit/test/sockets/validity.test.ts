/** Certificates in the life of a deployment: they end, and are about to. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TransportError } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { CertificateSubject } from '@paxos/testkit/certificates'
import type { TlsOptions } from '@paxos/adapter-kit/sockets'
import { at } from '../../src/sockets/timer.ts'
import { requireValid, watchCertificate, watchOwn } from '../../src/sockets/validity.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

const authority = await testAuthority()
const otherAuthority = await testAuthority()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

async function tlsOf(subject: CertificateSubject): Promise<TlsOptions & { readonly cert: string }> {
  return { ca: authority.ca, ...(await authority.issue(subject)) }
}

describe('a certificate', () => {
  it('that has expired, or is not valid yet, is refused at start, and the error says when', async () => {
    const tls = await tlsOf({ commonName: 'a' })
    const now = Date.now()
    requireValid(tls)
    for (const [atMs, message] of [
      [now + 2 * DAY_MS, /expired on .*Renew it/],
      [now - 2 * DAY_MS, /valid from .* set the clock/],
    ] as const) {
      vi.setSystemTime(atMs)
      expect(() => requireValid(tls)).toThrow(TransportError)
      expect(() => requireValid(tls)).toThrow(message)
    }
  })

  it('is warned of a week before it ends, and when it does, however far that is', async () => {
    const tls = await tlsOf({ commonName: 'a', lastsMs: 100 * DAY_MS })
    const said: string[] = []
    watchOwn(tls, ({ message }) => said.push(message))
    vi.advanceTimersByTime(92 * DAY_MS)
    expect(said).toEqual([])
    vi.advanceTimersByTime(2 * DAY_MS)
    expect(said).toEqual([expect.stringMatching(/expires on/)])
    vi.advanceTimersByTime(7 * DAY_MS)
    expect(said).toEqual([expect.anything(), expect.stringMatching(/has expired/)])
  })

  it('is not watched any more once the watch is ended', async () => {
    const said: unknown[] = []
    const stop = watchOwn(await tlsOf({ commonName: 'a', lastsMs: 20 * DAY_MS }), (warning) =>
      said.push(warning),
    )
    stop()
    vi.advanceTimersByTime(30 * DAY_MS)
    expect([said, vi.getTimerCount()]).toEqual([[], 0])
  })

  it('by another authority than those that the node trusts is warned of at start', async () => {
    const said: string[] = []
    const foreign = {
      ...(await tlsOf({ commonName: 'a', lastsMs: 20 * DAY_MS })),
      ca: otherAuthority.ca,
    }
    watchOwn(foreign, ({ message }) => said.push(message))
    expect(said).toEqual([expect.stringMatching(/none of the authorities/)])
    watchOwn({ ...foreign, ca: `${otherAuthority.ca}\n${authority.ca}` }, ({ message }) =>
      said.push(message),
    )
    expect(said).toHaveLength(1)
  })

  it('may last longer than a timer of the platform can wait', () => {
    let calls = 0
    at(Date.now() + 100 * DAY_MS, () => (calls += 1))
    vi.advanceTimersByTime(99 * DAY_MS)
    expect(calls).toBe(0)
    vi.advanceTimersByTime(DAY_MS)
    expect([calls, vi.getTimerCount()]).toEqual([1, 0])
  })

  it('of a peer is waited for, unless there is none or nobody waits any more', () => {
    let calls = 0
    const end = (): void => void (calls += 1)
    const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toUTCString()
    watchCertificate({}, end)
    watchCertificate({ valid_to: 'nonsense' }, end)
    watchCertificate({ valid_to: inDays(1) }, end)()
    expect(vi.getTimerCount()).toBe(0)
    watchCertificate({ valid_to: inDays(2) }, end)
    vi.advanceTimersByTime(3 * DAY_MS)
    expect(calls).toBe(1)
  })
})
