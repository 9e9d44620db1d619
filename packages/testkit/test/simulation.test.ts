/** The simulator: it repeats itself to the byte, does what its profiles say, and notices. */
import type { Durability, Transport } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { FAULT_KINDS, shrink, simulate } from '@paxos/testkit/simulation'
import type { Invariant, SimulationOptions } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'

/** The lowest seed from `from` on with which `options` break a promise. */
async function firstFailure(
  instead: SimulationOptions['instead'],
  { profile = 'swarm', from = 1 }: { profile?: SimulationOptions['profile']; from?: number } = {},
) {
  for (let seed = from; seed < from + 60; seed += 1) {
    const outcome = await simulate({ seed, profile, instead })
    if (outcome.violation !== null) return outcome
  }
  throw new Error('60 seeds, and nothing was noticed.')
}

async function traceOf(seed: number): Promise<string> {
  const lines: string[] = []
  await simulate({ seed, onLine: (line) => lines.push(line) })
  return lines.join('\n')
}

describe('a run', () => {
  it('is the same to the byte when it is repeated, and another with another seed', async () => {
    const [once, again, other] = [await traceOf(7), await traceOf(7), await traceOf(8)]
    expect(once.length).toBeGreaterThan(10_000)
    expect(again === once).toBe(true)
    expect(other === once).toBe(false)
  })

  it('without faults answers everything, and ends with all nodes in one state', async () => {
    const outcome = await simulate({ seed: 3, profile: 'calm' })
    expect(outcome).toMatchObject({ violation: null, injected: {} })
    expect(outcome.answered).toBe(outcome.requests)
    expect(outcome.requests).toBeGreaterThan(40)
  })

  it('keeps every promise through the faults of 40 seeds, and each kind of fault happens', async () => {
    const injected = new Map<string, number>()
    for (let seed = 1; seed <= 40; seed += 1) {
      const outcome = await simulate({ seed })
      expect(outcome.violation, `pnpm simulate --seed ${seed}`).toBeNull()
      for (const [kind, count] of Object.entries(outcome.injected)) {
        injected.set(kind, (injected.get(kind) ?? 0) + count)
      }
    }
    expect([...injected.keys()].toSorted()).toEqual([...FAULT_KINDS].toSorted())
  })

  it('has no faults but those that its profile names', async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { faults } = await simulate({ seed, profile: 'disk' })
      const kinds = new Set(faults.map(({ kind }) => kind))
      expect(kinds).not.toContain('partition')
      expect(kinds).not.toContain('crash')
    }
  })
})

/** Saves that are answered as soon as they are asked for. */
function hasty(durability: Durability): Durability {
  return {
    open: () => durability.open(),
    close: () => durability.close(),
    async save(change) {
      durability.save(change).catch(() => undefined)
    },
  }
}

/** A disk that comes up as it was when it was first opened. */
function forgetful(durability: Durability): Durability {
  return {
    ...hasty(durability),
    save: (change) => durability.save(change),
    open: async () => {
      await durability.open()
      return { promised: null, accepted: [], snapshot: null, chosenThrough: 0 }
    },
  }
}

/** A network that changes a bit in what was accepted by others. */
function flipping(transport: Transport): Transport {
  return {
    get address() {
      return transport.address
    },
    open: (options) => transport.open(options),
    close: () => transport.close(),
    setPeers: (peers) => transport.setPeers(peers),
    send(to, frame) {
      const { message, ...envelope } = decode(frame)
      if (message.type !== 'logAccept' || to !== 'b') return transport.send(to, frame)
      const values = message.values.map((value) => {
        const changed = Uint8Array.from(value)
        const last = changed.length - 1
        // The value of a JSON command, one letter further.
        changed[last - 2] = (changed[last - 2] ?? 0) ^ 2
        return changed
      })
      transport.send(to, encode({ ...envelope, message: { ...message, values } }))
    },
  }
}

const BROKEN: readonly (readonly [string, SimulationOptions['instead'], readonly Invariant[]])[] = [
  [
    'a disk that answers before it has saved',
    { wrapDurability: hasty },
    ['durable before sent', 'acknowledged on a quorum'],
  ],
  [
    'a disk that forgets what it had saved',
    { wrapDurability: forgetful },
    ['agreement', 'one value a ballot', 'promises are kept', 'durable before sent'],
  ],
  [
    'a network that changes what it carries',
    { wrapTransport: flipping },
    ['one value a ballot', 'agreement'],
  ],
  [
    'a state machine that is not deterministic',
    {
      makeMachine: (id, honest) => ({
        ...honest,
        get digest() {
          return honest.digest
        },
        apply: (command, slot) =>
          honest.apply(id === 'b' && slot % 7 === 0 ? { ...command, key: 'z' } : command, slot),
      }),
    },
    ['equal state machines'],
  ],
  [
    'reads that show the state of a while ago',
    {
      makeMachine: (_, honest) => {
        const old: string[] = []
        return {
          ...honest,
          get digest() {
            return honest.digest
          },
          query: (key) => {
            old.push(honest.query?.(key) ?? '')
            return old.at(-3) ?? ''
          },
        }
      },
    },
    ['linearizability'],
  ],
  [
    'a snapshot that leaves something out',
    {
      makeMachine: (_, honest) => ({
        ...honest,
        get digest() {
          return honest.digest
        },
        restore(bytes) {
          const text = new TextDecoder().decode(bytes)
          honest.restore(new TextEncoder().encode(text.replace(/"digest":\d+/, '"digest":1')))
        },
      }),
    },
    ['equal state machines', 'convergence'],
  ],
]

describe.each(BROKEN)('%s', (_, instead, invariants) => {
  it('is noticed, and the promise is named that it breaks', async () => {
    const { violation } = await firstFailure(instead)
    expect(invariants).toContain(violation?.invariant)
  })
})

describe('a run that fails', () => {
  it('is cut down to fewer faults, which fail in the same way, and shows its last messages', async () => {
    const instead = { wrapDurability: forgetful }
    const failed = await firstFailure(instead)
    const { only, outcome } = await shrink({ seed: failed.seed, instead }, failed)
    expect(only.length).toBeLessThan(failed.faults.length)
    expect(outcome.violation?.invariant).toBe(failed.violation?.invariant)
    expect(outcome.diagram).toMatch(/^sequenceDiagram\n {2}participant a\n/)
    expect(outcome.diagram).toMatch(/[a-e]->>[a-e]: .* ms log/)
  })
})
