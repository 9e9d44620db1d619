/** What waits, what makes a group, and what a failure ends: of every store. */
import { describe, expect, it } from 'vitest'
import { GroupCommit } from '../../src/stores/group-commit.ts'
import { GROUP_TARGET_BYTES, MAX_WAITING_BYTES } from '../../src/stores/limits.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Writes wait until it is opened. */
function newGate() {
  const openers: (() => void)[] = []
  const gate = new Promise<void>((resolve) => openers.push(resolve))
  return { pass: () => gate, open: () => openers[0]?.() }
}

describe('a group', () => {
  it.each<[string, number, { readonly groupBytes?: number }]>([
    ['the default', GROUP_TARGET_BYTES, {}],
    ['its own', 100, { groupBytes: 100 }],
  ])(
    'ends at %s target, so that the first does not wait for megabytes',
    async (_, target, bound) => {
      const groups: number[][] = []
      const commit = new GroupCommit<number>({
        ...bound,
        write: async (group) => {
          groups.push([...group])
        },
      })
      const part = target * 0.6
      const sizes = [part, part, part, 10 * part, 1]
      await Promise.all(sizes.map((bytes) => commit.add(bytes, bytes)))
      expect(groups).toEqual([[part, part], [part, 10 * part], [1]])
    },
  )
})

describe('what waits', () => {
  it('is bounded: past the limit a save is refused, and so is every later one', async () => {
    const gate = newGate()
    const commit = new GroupCommit<string>({ groupBytes: 1, write: gate.pass })
    const running = commit.add('running', 1)
    await turn()
    const large = commit.add('large', MAX_WAITING_BYTES + 1)
    await expect(commit.add('refused', 1)).rejects.toThrow(/are waiting for the disk/)
    await expect(commit.add('later', 1)).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_POISONED',
    })
    gate.open()
    await Promise.all([running, large])
    await commit.settled()
  })

  it('does not count any more once it is written: a store takes any number of bytes in its life', async () => {
    const commit = new GroupCommit<string>({ groupBytes: 1, write: () => Promise.resolve() })
    for (let save = 0; save < 3; save += 1) {
      await Promise.all([commit.add('half', 1, MAX_WAITING_BYTES / 2), commit.add('more', 1)])
      await commit.add('all', 1, MAX_WAITING_BYTES)
    }
    expect(commit.poisoned).toBe(false)
  })

  it('may be a snapshot, which does not count: what is behind it is not refused', async () => {
    const gate = newGate()
    const commit = new GroupCommit<string>({ groupBytes: 1, write: gate.pass })
    const running = commit.add('running', 1)
    await turn()
    const snapshots = [1, 2].map(() => commit.add('snapshot', 4 * MAX_WAITING_BYTES, 1))
    const later = [1, 2].map(() => commit.add('later', 1))
    gate.open()
    await Promise.all([running, ...snapshots, ...later])
  })

  it('behind a group that fails is never written, though the next write would succeed', async () => {
    const written: number[] = []
    const commit = new GroupCommit<number>({
      write: async (group) => {
        written.push(...group)
        if (written.length === 1) throw new Error('simulated')
      },
    })
    const saves = [1, 2].map((number) => commit.add(number, GROUP_TARGET_BYTES))
    const [first, second] = await Promise.allSettled(saves)
    expect(first).toMatchObject({ reason: { message: 'simulated' } })
    expect(second).toMatchObject({ reason: { code: 'ERR_PAXOS_DURABILITY_POISONED' } })
    await commit.settled()
    expect(written).toEqual([1])
  })
})
