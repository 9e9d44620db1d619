/**
 * What every store promises, whatever it is kept in, and what the suite of all adapters cannot see
 * from outside: each is run on a simulated disk, and on a simulated store of batches.
 */
import { IdentityError, InvalidArgumentError } from '@paxos/core'
import type { Change, Durability, Owner } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { transactionStore } from '../../src/stores/transaction/store.ts'
import { openStoreOn } from './append/on-disk.ts'
import { SimulatedDisk, type Operation } from './append/simulated-disk.ts'
import { batchMedium, SimulatedBatches } from './transaction/simulated-batches.ts'

const promise = (round: number): Change => ({ promised: { round, node: 'a' } })
const turn = () => new Promise((resolve) => setImmediate(resolve))
const OWNER: Owner = { cluster: 'x', id: 'a', kind: 'log', drawIncarnation: () => 'drawn' }

/** A store, and what can be done behind its back. */
interface Subject {
  readonly make: () => Durability
  /** How many groups have begun to be written, and how often anything was changed at all. */
  readonly groups: () => number
  readonly changes: () => number
  readonly hold: () => void
  readonly release: () => void
  readonly waiting: () => number
  /** From now on every write fails, until `mend` is called. */
  readonly fail: () => { readonly mend: () => void }
  readonly losesLock: () => void
  readonly isMoved: () => void
  /** What is open or locked. */
  readonly isFree: () => boolean
}

const isGroup = ({ type }: Operation) => type === 'durable-write'

function appending(): Subject {
  const disk = new SimulatedDisk()
  return {
    make: () => openStoreOn(disk),
    groups: () => disk.operations.filter(isGroup).length,
    changes: () => disk.operations.filter(({ type }) => !type.startsWith('sync')).length,
    hold: () => disk.holdSyncs(),
    release: () => disk.release(),
    waiting: () => disk.waitingSyncs,
    fail() {
      let isFailing = true
      disk.failWith('EIO', () => isFailing)
      return {
        mend() {
          isFailing = false
        },
      }
    },
    losesLock() {
      disk.locked = false
    },
    isMoved: () => disk.loseNames(),
    isFree: () => disk.openFiles === 0 && !disk.locked,
  }
}

function inBatches(): Subject {
  const store = new SimulatedBatches()
  return {
    make: () => transactionStore(batchMedium(store)),
    groups: () => store.begun,
    changes: () => store.begun,
    hold: () => store.hold(),
    release: () => store.release(),
    waiting: () => store.waiting,
    fail() {
      store.isFailing = true
      return {
        mend() {
          store.isFailing = false
        },
      }
    },
    losesLock() {
      store.isLocked = false
    },
    isMoved() {
      store.isInPlace = false
    },
    isFree: () => !store.isOpen && !store.isLocked,
  }
}

/** Resolves once a group is held. */
async function held(place: Subject): Promise<void> {
  while (place.waiting() === 0) await turn()
}

describe.each<readonly [string, () => Subject]>([
  ['what appends', appending],
  ['what has transactions', inBatches],
])('a store over %s', (_, subject) => {
  async function opened() {
    const place = subject()
    const store = place.make()
    await store.open()
    return { place, store }
  }

  describe('group commit', () => {
    it('a lone save is one group, at once', async () => {
      const { place, store } = await opened()
      const before = place.groups()
      await store.save(promise(1))
      expect(place.groups()).toBe(before + 1)
      await store.close()
    })

    it('100 saves that are made while a group is written are one more', async () => {
      const { place, store } = await opened()
      const before = place.groups()
      place.hold()
      const first = store.save(promise(1))
      await held(place)
      const rest = Array.from({ length: 100 }, (__, index) => store.save(promise(index + 2)))
      await turn()
      expect(place.groups()).toBe(before + 1)
      place.release()
      await Promise.all([first, ...rest])
      expect(place.groups()).toBe(before + 2)
      await store.close()
      expect((await store.open()).promised).toEqual({ round: 101, node: 'a' })
      await store.close()
    })

    it('P14: nothing is acknowledged before it is durable', async () => {
      const { place, store } = await opened()
      const acknowledged: string[] = []
      place.hold()
      const saving = store.save(promise(1)).then(() => acknowledged.push('saved'))
      await held(place)
      for (let turns = 0; turns < 20; turns += 1) await turn()
      expect(acknowledged).toEqual([])
      place.release()
      await saving
      await store.close()
    })

    it('overlapping saves take effect and are answered in the order of the calls', async () => {
      const { store } = await opened()
      const answered: number[] = []
      await Promise.all(
        Array.from({ length: 50 }, async (__, round) => {
          if (round % 7 === 0) await turn()
          await store.save(promise(round))
          answered.push(round)
        }),
      )
      const late = answered.filter((round) => round % 7 === 0)
      expect(late).toEqual(late.toSorted((a, b) => a - b))
      await store.close()
      expect((await store.open()).promised?.round).toBe(answered.at(-1))
      await store.close()
    })
  })

  describe('after a failed save', () => {
    it('nothing is written ever again, and close() leaves nothing open', async () => {
      const { place, store } = await opened()
      await store.save(promise(1))
      await turn()
      const { mend } = place.fail()
      const group = [store.save(promise(2)), store.save(promise(3))]
      for (const save of group) {
        await expect(save).rejects.toMatchObject({
          name: 'DurabilityError',
          code: 'ERR_PAXOS_DURABILITY_FAILED',
          message: expect.stringMatching(/^Could not save .+: .+\. .+\.$/),
          cause: { code: 'EIO' },
        })
      }
      mend()
      const before = place.changes()
      await expect(store.save(promise(4))).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_POISONED',
        cause: { code: 'ERR_PAXOS_DURABILITY_FAILED' },
      })
      await expect(store.open()).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_STATE' })
      await store.close()
      expect(place.changes()).toBe(before)
      expect(place.isFree()).toBe(true)
    })

    it('saves behind it are told that there was a failure', async () => {
      const { place, store } = await opened()
      place.hold()
      const first = store.save(promise(1))
      await held(place)
      const second = store.save(promise(2))
      place.isMoved()
      place.release()
      await expect(first).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })
      await expect(second).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_POISONED',
        message: expect.stringContaining('It was this: Could not save'),
      })
      await store.close()
    })

    it('only a fresh open goes on, with all that was acknowledged', async () => {
      const { place, store } = await opened()
      await store.save(promise(1))
      const { mend } = place.fail()
      await expect(store.save(promise(2))).rejects.toThrow('Could not save')
      mend()
      await store.close()
      expect([1, 2]).toContain((await store.open()).promised?.round)
      await store.save(promise(3))
      await store.close()
      expect((await store.open()).promised?.round).toBe(3)
      await store.close()
    })

    it.each<[string, Change]>([
      ['a round below 0', promise(-1)],
      ['a round that is no whole number', promise(0.5)],
      ['a slot beyond all counting', { chosenThrough: 2 ** 53 }],
      ['half a character', { promised: { round: 1, node: '\ud800' } }],
      ['half a character at the end', { promised: { round: 1, node: 'a\udc00' } }],
      [
        'a snapshot through no slot',
        { snapshot: { through: -1, members: [], bytes: new Uint8Array(0) } },
      ],
    ])('%s cannot be stored and is one: what follows would leave a gap', async (__, change) => {
      const { store } = await opened()
      const before = store.save(promise(1))
      await expect(store.save(change)).rejects.toThrow(InvalidArgumentError)
      await before
      await expect(store.save(promise(2))).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_POISONED',
      })
      await store.close()
      expect((await store.open()).promised?.round).toBe(1)
      await store.close()
    })
  })

  describe('a place that goes away', () => {
    it.each<[string, (place: Subject) => void]>([
      ['its lock was taken away', (place) => place.losesLock()],
      ['it was moved', (place) => place.isMoved()],
    ])('%s: nothing is written there any more', async (__, happens) => {
      const { place, store } = await opened()
      await store.save(promise(1))
      await turn()
      const before = place.groups()
      happens(place)
      await expect(store.save(promise(2))).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        message: expect.stringContaining('it was removed, moved or replaced while it was in use'),
      })
      expect(place.groups()).toBe(before)
      await store.close()
    })

    it.each<[string, (place: Subject) => void]>([
      ['its lock was taken away', (place) => place.losesLock()],
      ['it was moved', (place) => place.isMoved()],
    ])('%s while a group was written: that is not acknowledged', async (__, happens) => {
      const { place, store } = await opened()
      place.hold()
      const saving = store.save(promise(1))
      await held(place)
      happens(place)
      place.release()
      await expect(saving).rejects.toThrow('so that this save would be lost')
      await store.close()
    })
  })

  it('another owner is refused, and nothing is written, nor left open', async () => {
    const place = subject()
    const store = place.make()
    await store.open(OWNER)
    await store.close()
    const before = place.changes()
    await expect(place.make().open({ ...OWNER, id: 'b' })).rejects.toThrow(IdentityError)
    expect(place.changes()).toBe(before)
    expect(place.isFree()).toBe(true)
  })

  describe('the life cycle', () => {
    it('a call that is not possible now says so, and what is', async () => {
      const place = subject()
      const store = place.make()
      await expect(store.save(promise(1))).rejects.toThrow(/ is closed\. Open it first\.$/)
      const opening = store.open()
      await expect(store.open()).rejects.toThrow(/ is opening\. Close it first\.$/)
      await opening
      await expect(store.open()).rejects.toThrow(/ is open\. Close it first\.$/)
      const closing = store.close()
      await expect(store.save(promise(1))).rejects.toThrow(/ is closing\. Open it first\.$/)
      await closing
    })

    it('close() waits for an open that runs, and for saves; called twice it is one', async () => {
      const { place, store } = await opened()
      place.hold()
      const saving = store.save(promise(1))
      await held(place)
      const closings = [store.close(), store.close()]
      place.release()
      await Promise.all([saving, ...closings])
      expect(place.isFree()).toBe(true)
      const opening = store.open()
      await store.close()
      await opening
      expect(place.isFree()).toBe(true)
    })

    it('an open that fails leaves nothing, and the next one may succeed', async () => {
      const place = subject()
      const store = place.make()
      const { mend } = place.fail()
      await expect(store.open()).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        message: expect.stringMatching(/^Could not open /),
      })
      expect(place.isFree()).toBe(true)
      mend()
      await store.open()
      await store.close()
    })
  })
})

describe('a medium with transactions', () => {
  it('that opens and never asked who may have it is a mistake, and nothing is left open', async () => {
    const store = new SimulatedBatches()
    const medium = batchMedium(store)
    const careless = transactionStore({
      ...medium,
      async lock() {
        const locked = await medium.lock()
        return { ...locked, open: () => locked.open(() => null).then((found) => found) }
      },
    })
    await expect(careless.open()).rejects.toThrow('a medium asks who may have it')
    expect(store.isLocked).toBe(false)
    expect(store.isOpen).toBe(false)
  })
})
