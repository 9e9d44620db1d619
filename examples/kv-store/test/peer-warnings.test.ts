import { describe, expect, it } from 'vitest'
import type { Transport, TransportWarning } from '@paxos/core'
import { MAX_WARNINGS, SAME_WARNING_EVERY_MS } from '../src/limits.ts'
import { withWarnings } from '../src/peer-warnings.ts'

interface Line {
  readonly message: string
  readonly fields: object | undefined
}

const nothing = (): void => undefined

async function opened(): Promise<{
  readonly warn: (warning: TransportWarning) => void
  readonly lines: Line[]
  readonly clock: { nowMs: number }
  readonly passedOn: TransportWarning[]
}> {
  let warn: ((warning: TransportWarning) => void) | undefined
  const transport: Transport = {
    open(options) {
      warn = options.warn
      return Promise.resolve()
    },
    address: 'x:',
    setPeers: () => undefined,
    send: () => undefined,
    close: () => Promise.resolve(),
  }
  const lines: Line[] = []
  const passedOn: TransportWarning[] = []
  const clock = { nowMs: 0 }
  const log = {
    debug: nothing,
    info: nothing,
    warn: (message: string, fields?: object) => void lines.push({ message, fields }),
    error: nothing,
  }
  await withWarnings(transport, log, () => clock.nowMs).open({
    id: 'a',
    listen: 'x:',
    peers: new Map(),
    receive: nothing,
    warn: (warning) => void passedOn.push(warning),
  })
  return { warn: (warning) => warn?.(warning), lines, clock, passedOn }
}

const foreign: TransportWarning = { peer: 'b', reason: 'credentials', message: 'It is foreign.' }

describe('what a transport says of a peer', () => {
  it('is logged at once, then once a minute with how often it happened, and handed on each time', async () => {
    const { warn, lines, clock, passedOn } = await opened()
    for (let times = 0; times < 1000; times += 1) warn(foreign)
    expect(lines).toEqual([
      { message: 'It is foreign.', fields: { peer: 'b', reason: 'credentials' } },
    ])
    clock.nowMs += SAME_WARNING_EVERY_MS
    warn(foreign)
    expect(lines[1]?.fields).toEqual({ peer: 'b', reason: 'credentials', andMore: 999 })
    expect(passedOn).toHaveLength(1001)
  })

  it('of another peer, or for another reason, is told beside it', async () => {
    const { warn, lines } = await opened()
    warn(foreign)
    warn({ ...foreign, peer: null })
    warn({ ...foreign, reason: 'refused' })
    expect(lines).toHaveLength(3)
  })

  it('of ever new strangers is bounded, and others are told later', async () => {
    const { warn, lines, clock } = await opened()
    for (let peer = 0; peer < 10 * MAX_WARNINGS; peer += 1) warn({ ...foreign, peer: `${peer}` })
    expect(lines).toHaveLength(MAX_WARNINGS)
    clock.nowMs += SAME_WARNING_EVERY_MS
    warn({ ...foreign, peer: 'late' })
    expect(lines).toHaveLength(MAX_WARNINGS + 1)
  })
})
