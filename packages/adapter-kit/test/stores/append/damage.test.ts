/**
 * Damage to what was durable. Whatever is changed, a state is the newest or CorruptionError: never
 * an older one.
 */
import { CorruptionError, type Change } from '@paxos/core'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it, vi } from 'vitest'
import { storeOn } from './on-disk.ts'
import type * as Limits from '../../../src/stores/append/limits.ts'
import {
  decodeFrame,
  encodeFrame,
  FRAME_KIND,
  LOG_VERSION,
} from '../../../src/stores/append/frame.ts'
import { READ_WINDOW_BYTES } from '../../../src/stores/append/limits.ts'
import { openObjectFiles } from '../../../src/stores/append/object-files.ts'
import { encodeChange } from '../../../src/stores/append/record.ts'
import { after, bytes, readable } from './model.ts'
import { SimulatedDisk, type Survival } from './simulated-disk.ts'

vi.mock('../../../src/stores/append/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  // Every byte of what is reserved is looked at, too: a small reserve has as many kinds of them.
  RESERVE_BYTES: 1500,
}))

const DIRECTORY = '/node'
/** Of so many places in a file one is damaged; prime, so that every kind has its turn. */
const STRIDE = extent(29, 1)
const LOG = `${DIRECTORY}/log`

const CHANGES: readonly Change[] = [
  { promised: { round: 1, node: 'a' } },
  { accepted: [{ slot: 1, ballot: { round: 1, node: 'a' }, value: bytes('old') }] },
  {
    snapshot: { through: 1, members: [{ id: 'a', address: 'm:a' }], bytes: bytes('state') },
    accepted: [{ slot: 2, ballot: { round: 1, node: 'a' }, value: bytes('newer') }],
  },
  { promised: { round: 2, node: 'b' } },
]

/** A disk with all CHANGES saved one after the other. */
async function savedDisk(end: 'closed' | 'killed' | 'power cut'): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const adapter = storeOn(disk, DIRECTORY)
  await adapter.open()
  for (const change of CHANGES) await adapter.save(change)
  if (end === 'closed') await adapter.close()
  // The mark of the last group is written right after its save is answered, synced later; and so
  // is room for more groups.
  await new Promise((resolve) => setImmediate(resolve))
  disk.kill()
  const survival: Survival = end === 'killed' ? 'everything' : 'nothing'
  return disk.restarted(survival)
}

/** One object with three saves, the last one shorter than the first. */
async function savedObject(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const files = await openObjectFiles(disk, DIRECTORY)
  for (const text of ['the first', 'second', 'third']) await files.save(bytes(text))
  await files.close()
  return disk.restarted('nothing')
}

type Outcome = 'newest' | 'refused'

async function openLog(files: ReadonlyMap<string, Uint8Array>): Promise<Outcome> {
  const disk = new SimulatedDisk(files)
  const adapter = storeOn(disk, DIRECTORY)
  return outcomeOf(disk, async () => {
    expect(readable(await adapter.open())).toBe(readable(after(CHANGES)))
    await adapter.close()
  })
}

async function openObject(files: ReadonlyMap<string, Uint8Array>): Promise<Outcome> {
  const disk = new SimulatedDisk(files)
  return outcomeOf(disk, async () => {
    const object = await openObjectFiles(disk, DIRECTORY)
    expect(Buffer.from(object.found ?? []).toString()).toBe('third')
    await object.close()
  })
}

async function outcomeOf(disk: SimulatedDisk, open: () => Promise<void>): Promise<Outcome> {
  try {
    await open()
    return 'newest'
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    return 'refused'
  } finally {
    expect(disk.openFiles).toBe(0)
  }
}

/** The end of what was written: behind it is room for more, all zeros. */
function endOf(content: Uint8Array): number {
  return content.findLastIndex((byte) => byte !== 0) + 1
}

function changed(
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  change: (content: Uint8Array) => Uint8Array,
): Map<string, Uint8Array> {
  return new Map(files).set(name, change((files.get(name) ?? new Uint8Array(0)).slice()))
}

const SUBJECTS = [
  ['the log after close', () => savedDisk('closed'), openLog],
  ['the log after kill -9', () => savedDisk('killed'), openLog],
  ['the durable object', savedObject, openObject],
] as const

describe.each(SUBJECTS)('%s', (_, make, open) => {
  it('a flipped bit in any byte of any file never shows an older state', async () => {
    const files = (await make()).files()
    const outcomes = { newest: 0, refused: 0 }
    for (const [name, content] of files) {
      for (let position = 0; position < endOf(content) + 50; position += STRIDE) {
        if (position >= content.byteLength) break
        const flipped = changed(files, name, (copy) => {
          copy[position] = (copy[position] ?? 0) ^ (1 << (position % 8))
          return copy
        })
        outcomes[await open(flipped)] += 1
      }
    }
    expect(outcomes.refused).toBeGreaterThan(50 / STRIDE)
    expect(outcomes.newest).toBeGreaterThan(3900 / STRIDE)
  })

  it('a block of zeros anywhere never shows an older state', async () => {
    const files = (await make()).files()
    const outcomes = new Set<Outcome>()
    for (const [name, content] of files) {
      for (const block of [512, 4096]) {
        for (let start = 0; start < endOf(content); start += block) {
          outcomes.add(
            await open(changed(files, name, (copy) => copy.fill(0, start, start + block))),
          )
        }
      }
    }
    expect(outcomes).toContain('refused')
  })

  it('a file cut off at any length never shows an older state', async () => {
    const files = (await make()).files()
    for (const [name, content] of files) {
      for (
        let length = 0;
        length <= endOf(content);
        length += length < 12_000 ? 61 * STRIDE : STRIDE
      ) {
        await open(changed(files, name, (copy) => copy.slice(0, length)))
      }
    }
  })

  it('any one file that is missing is refused', async () => {
    const files = (await make()).files()
    for (const name of files.keys()) {
      const without = new Map(files)
      without.delete(name)
      expect(await open(without)).toBe('refused')
    }
  })
})

describe('a torn tail and a hole are told apart', () => {
  it('a tail that was never acknowledged is dropped, and what comes next is not harmed by it', async () => {
    const files = (await savedDisk('closed')).files()
    const tails = [bytes('torn'), new Uint8Array(5000), files.get(LOG)?.slice(12_288)]
    for (const tail of tails) {
      const disk = new SimulatedDisk(
        changed(files, LOG, (log) => Buffer.concat([log, tail ?? new Uint8Array(0)])),
      )
      const adapter = storeOn(disk, DIRECTORY)
      expect(readable(await adapter.open())).toBe(readable(after(CHANGES)))
      await adapter.save({ chosenThrough: 2 })
      await adapter.close()
      const saved = await storeOn(disk, DIRECTORY).open()
      expect(readable(saved)).toBe(readable(after([...CHANGES, { chosenThrough: 2 }])))
    }
  })

  it('P11: what was cut off never comes back, though a shorter group is written over its beginning', async () => {
    const files = (await savedDisk('closed')).files()
    const torn = changed(files, LOG, (log) => Buffer.concat([log, new Uint8Array(3000).fill(7)]))
    const disk = new SimulatedDisk(torn)
    const adapter = storeOn(disk, DIRECTORY)
    await adapter.open()
    const size = files.get(LOG)?.byteLength
    expect(disk.restarted('nothing').files().get(LOG)?.byteLength).toBe(size)
    await adapter.save({ chosenThrough: 2 })
    await adapter.close()
    const saved = await storeOn(disk, DIRECTORY).open()
    expect(readable(saved)).toBe(readable(after([...CHANGES, { chosenThrough: 2 }])))
  })

  it.each<[string, (log: { id: bigint; next: number }) => { id: bigint; serial: number }, Outcome]>(
    [
      ['of another log', ({ id, next }) => ({ id: id ^ 1n, serial: next }), 'newest'],
      ['that was there before', ({ id, next }) => ({ id, serial: next - 1 }), 'newest'],
      // It was written when the one before it was durable, which is not there.
      ['that comes later', ({ id, next }) => ({ id, serial: next + 1 }), 'refused'],
    ],
  )('a whole group %s does not carry on a log', async (_, headerOf, outcome) => {
    const files = (await savedDisk('closed')).files()
    const log = files.get(LOG) ?? new Uint8Array(0)
    const header = headerOf({ id: decodeFrame(log, LOG)?.id ?? 0n, next: CHANGES.length + 1 })
    const records = encodeChange({ promised: { round: 66, node: 'ghost' } }, 0n).bytes
    const group = encodeFrame({ kind: FRAME_KIND.group, ...header }, records)
    for (const hole of [0, 1, 1000, READ_WINDOW_BYTES - 20, READ_WINDOW_BYTES + 20]) {
      const longer = Buffer.concat([log, new Uint8Array(hole).fill(9), group])
      expect(await openLog(new Map(files).set(LOG, longer))).toBe(outcome)
    }
  })

  it('with no mark behind the first group, damage to any but the last one is refused', async () => {
    const files = (await savedDisk('power cut')).files()
    const log = files.get(LOG) ?? new Uint8Array(0)
    const lastGroup = Buffer.from(log).lastIndexOf(log.slice(12_288, 12_288 + 16))
    expect(lastGroup).toBeGreaterThan(12_288)
    for (let position = 12_288; position < lastGroup; position += STRIDE) {
      const flipped = changed(files, LOG, (copy) => {
        copy[position] = (copy[position] ?? 0) ^ 1
        return copy
      })
      expect(await openLog(flipped)).toBe('refused')
    }
  })

  it('with its newest mark damaged too, damage to any group is refused', async () => {
    const files = (await savedDisk('closed')).files()
    const log = files.get(LOG) ?? new Uint8Array(0)
    const marks = [4096, 8192].map(
      (position) => decodeFrame(log.subarray(position), LOG)?.serial ?? 0,
    )
    expect(marks).toContain(log.byteLength)
    const newest = marks[0] === log.byteLength ? 4096 : 8192
    for (let position = 12_288; position < log.byteLength; position += STRIDE) {
      const damaged = changed(files, LOG, (copy) => {
        copy[newest] = 0
        copy[position] = (copy[position] ?? 0) ^ 1
        return copy
      })
      expect(await openLog(damaged)).toBe('refused')
    }
  })

  it('a hole before later data is refused, and the message says where and what to do', async () => {
    const files = (await savedDisk('closed')).files()
    const opening = storeOn(
      new SimulatedDisk(changed(files, LOG, (log) => log.fill(0, 12_324 + 40, 12_324 + 44))),
      DIRECTORY,
    ).open()
    await expect(opening).rejects.toThrow(CorruptionError)
    await expect(opening).rejects.toThrow(
      /^\/node\/log is damaged: what was durable up to byte \d+ is whole only up to byte 12324\. .*Keep this node off, .* Bring the disk back as it was at the last save, .*\.$/,
    )
  })

  it('the last acknowledged group is protected once its mark is synced, by itself when all is quiet', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const disk = new SimulatedDisk()
      const adapter = storeOn(disk, DIRECTORY)
      await adapter.open()
      for (const change of CHANGES) await adapter.save(change)
      await new Promise((resolve) => setImmediate(resolve))
      const before = disk.count('sync')
      await vi.advanceTimersByTimeAsync(100)
      await new Promise((resolve) => setImmediate(resolve))
      // One for each mark.
      expect(disk.count('sync')).toBe(before + 2)
      await vi.advanceTimersByTimeAsync(1000)
      await new Promise((resolve) => setImmediate(resolve))
      expect(disk.count('sync')).toBe(before + 2)

      const files = disk.restarted('nothing').files()
      const damaged = changed(files, LOG, (log) => log.fill(0, endOf(log) - 1))
      expect(await openLog(damaged)).toBe('refused')
      await adapter.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it('before that, damage to the last group looks like a torn write: the one gap, as documented', async () => {
    const files = (await savedDisk('power cut')).files()
    const damaged = changed(files, LOG, (log) => log.fill(0, endOf(log) - 1))
    const saved = await storeOn(new SimulatedDisk(damaged), DIRECTORY).open()
    expect(readable(saved)).toBe(readable(after(CHANGES.slice(0, -1))))
  })
})

it('a file of a later format is no damage: the error says which release opens it', async () => {
  const { crc32 } = await import('node:zlib')
  const files = (await savedDisk('closed')).files()
  const later = changed(files, LOG, (log) => {
    const view = Buffer.from(log.buffer)
    view.writeUInt16LE(LOG_VERSION.owned + 1, 4)
    view.writeUInt32LE(crc32(view.subarray(0, 28)), 28)
    return log
  })
  const opening = storeOn(new SimulatedDisk(later), DIRECTORY).open()
  await expect(opening).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })
  await expect(opening).rejects.toThrow(
    /format version 5.*up to 4.*the release that wrote it, or a later one/,
  )
})
