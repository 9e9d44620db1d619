/**
 * Whose a directory is, as it is kept in the log: what the suite of every adapter cannot see from
 * outside. That it survives saves and crashes is in conformance, crash and recorded.
 */
import { EMPTY_SAVED, IdentityError, type Change, type Owner } from '@paxos/core'
import { FIXTURE_OWNER } from '@paxos/testkit'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { seeded } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { storeOn } from './on-disk.ts'
import { decodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../../src/stores/append/frame.ts'
import { bytes, readable } from './model.ts'
import { SimulatedDisk, type PowerCut } from './simulated-disk.ts'

const DIRECTORY = '/node'
const LOG = `${DIRECTORY}/log`

const OWNER: Owner = { cluster: 'x', id: 'a', kind: 'log', drawIncarnation: () => 'drawn' }

/** What the release before identities wrote. */
async function earlierFiles(): Promise<Map<string, Uint8Array>> {
  const folder = fileURLToPath(new URL('fixtures/v1', import.meta.url))
  const files = new Map<string, Uint8Array>()
  for (const name of await readdir(folder)) {
    files.set(`${DIRECTORY}/${name}`, await readFile(join(folder, name)))
  }
  return files
}

const hashes = (files: ReadonlyMap<string, Uint8Array>) =>
  [...files].map(([path, content]) => [path, createHash('sha256').update(content).digest('hex')])

/** The frame that a log begins with, as every release reads it: from its header alone. */
function firstFrame(disk: SimulatedDisk) {
  const header = disk.files().get(LOG)?.subarray(0, FRAME_HEADER_BYTES) ?? new Uint8Array(0)
  return decodeFrame(header, LOG)
}

describe('the format', () => {
  it('of a log with an owner has a version that earlier releases refuse by name', async () => {
    const disk = new SimulatedDisk()
    await storeOn(disk, DIRECTORY).open(OWNER)
    // Whole without what is behind it: so they come to its version, and do not take it for damage.
    expect(firstFrame(disk)).toMatchObject({ version: 4, kind: FRAME_KIND.log })
  })

  it('of a log without an owner has another, which they refuse as well', async () => {
    const disk = new SimulatedDisk()
    const adapter = storeOn(disk, DIRECTORY)
    await adapter.open()
    await adapter.save({ promised: { round: 1, node: 'a' } })
    await adapter.close()
    expect(firstFrame(disk)).toMatchObject({ version: 3, kind: FRAME_KIND.log })
    const block = disk.files().get(LOG)?.subarray(FRAME_HEADER_BYTES, 4096) ?? bytes('none')
    expect(block.every((byte) => byte === 0)).toBe(true)
  })

  it('an owner that cannot be read is damage, and never none', async () => {
    const disk = new SimulatedDisk()
    const adapter = storeOn(disk, DIRECTORY)
    await adapter.open(OWNER)
    await adapter.close()
    const files = disk.files()
    const log = Uint8Array.from(files.get(LOG) ?? []).fill(0, FRAME_HEADER_BYTES, 4096)
    for (const owner of [OWNER, undefined]) {
      const damaged = new SimulatedDisk(new Map(files).set(LOG, log))
      await expect(storeOn(damaged, DIRECTORY).open(owner)).rejects.toMatchObject({
        code: 'ERR_PAXOS_CORRUPTION',
      })
    }
  })
})

/** The log as the release before wrote it, which did not save who is admitted. */
function asEarlierRelease(disk: SimulatedDisk): SimulatedDisk {
  const files = disk.files()
  const log = Buffer.from(files.get(LOG) ?? [])
  log.writeUInt16LE(log.readUInt16LE(4) - 2, 4)
  log.writeUInt32LE(crc32(log.subarray(0, 28)), 28)
  return new SimulatedDisk(new Map(files).set(LOG, Uint8Array.from(log)))
}

/** A closed log that holds these. */
async function written(changes: readonly Change[], owner?: Owner): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const adapter = storeOn(disk, DIRECTORY)
  await adapter.open(owner)
  for (const change of changes) await adapter.save(change)
  await adapter.close()
  return disk
}

describe('who is admitted', () => {
  const promise = { promised: { round: 1, node: 'a' } }

  it.each([
    ['had promised nothing', [{ chosenThrough: 0 }], false],
    ['had promised', [promise], true],
  ])(
    'of an earlier format is who %s, and that is so for good once its node opens it',
    async (_, changes, isAdmitted) => {
      const disk = asEarlierRelease(await written(changes, OWNER))
      expect(firstFrame(disk)).toMatchObject({ version: 2 })
      const adapter = storeOn(disk, DIRECTORY)
      for (let count = 0; count < 3; count += 1) {
        expect((await adapter.open(OWNER)).admitted).toBe(isAdmitted)
        // Were it of the earlier format still, this would admit it.
        await adapter.save(promise)
        await adapter.close()
        expect(firstFrame(disk)).toMatchObject({ version: 4 })
      }
    },
  )

  it('is saved by nobody’s log of an earlier format too, which is of the one of today then', async () => {
    const disk = asEarlierRelease(await written([{ chosenThrough: 3 }]))
    const adapter = storeOn(disk, DIRECTORY)
    await adapter.open()
    await adapter.save({ chosenThrough: 4 })
    expect(firstFrame(disk)).toMatchObject({ version: 1 })
    await adapter.save({ admitted: true })
    expect(firstFrame(disk)).toMatchObject({ version: 3 })
    await adapter.close()
    expect(await adapter.open()).toMatchObject({ admitted: true, chosenThrough: 4 })
    await adapter.close()
  })
})

describe('a refused open writes nothing', () => {
  it.each<readonly [string, Partial<Owner>]>([
    ['to a log of another node', { id: 'b' }],
    ['to a log of another cluster', { cluster: 'y' }],
    ['to a log, for a single decree', { kind: 'decree' }],
  ])('%s, not even what a crash left to be mended', async (_, other) => {
    const first = new SimulatedDisk()
    const adapter = storeOn(first, DIRECTORY)
    await adapter.open(OWNER)
    await adapter.save({ promised: { round: 1, node: 'a' } })
    // Killed: a mark to be written, a group that is torn, a log and a snapshot that nobody needs.
    const files = first.restarted('everything').files()
    files.set(LOG, Buffer.concat([files.get(LOG) ?? bytes(''), bytes('torn')]))
    files.set(`${DIRECTORY}/log.new`, bytes('left'))
    files.set(`${DIRECTORY}/snapshot-0123456789abcdef`, bytes('left'))
    const disk = new SimulatedDisk(files)
    const opening = storeOn(disk, DIRECTORY).open({ ...OWNER, ...other })
    await expect(opening).rejects.toThrow(IdentityError)
    await expect(opening).rejects.toThrow(/^\/node belongs to node "a" of cluster "x"/)
    expect(disk.operations.map(({ type }) => type)).toEqual(['sync-directory'])
    expect(hashes(disk.files())).toEqual(hashes(files))
    expect([disk.openFiles, disk.locked]).toEqual([0, false])
  })

  it('to what an earlier release wrote for another', async () => {
    const files = await earlierFiles()
    for (const other of [{ id: 'stranger' }, { kind: 'decree' } as const]) {
      const disk = new SimulatedDisk(files)
      const opening = storeOn(disk, DIRECTORY).open({ ...FIXTURE_OWNER, ...other })
      await expect(opening).rejects.toThrow(IdentityError)
      expect(disk.operations.map(({ type }) => type)).toEqual(['sync-directory'])
      expect([disk.openFiles, disk.locked]).toEqual([0, false])
    }
  })
})

/** Opens what an earlier release wrote for its owner, until the power goes. */
async function give(cut: PowerCut | null) {
  const disk = new SimulatedDisk(await earlierFiles())
  if (cut !== null) disk.cutPowerAt(cut)
  const opened = await storeOn(disk, DIRECTORY)
    .open({ ...FIXTURE_OWNER, drawIncarnation: () => 'first' })
    .catch((error: unknown) => {
      if (!disk.isDown) throw error
      return null
    })
  disk.kill()
  return { disk, opened }
}

describe('what an earlier release wrote is given its owner', () => {
  it('wherever the power goes it has all that it had, and one owner from when it was told', async () => {
    const before = readable(
      await storeOn(new SimulatedDisk(await earlierFiles()), DIRECTORY).open(),
    )
    expect(before).not.toBe(readable(EMPTY_SAVED))
    const { operations } = (await give(null)).disk
    expect(operations.length).toBeGreaterThan(5)
    let given = 0
    for (const [index, { bytes: length }] of [...operations, { bytes: 0 }].entries()) {
      for (let torn = 0; torn <= length; torn += 127) {
        const where = `operation ${index + 1}, byte ${torn}`
        const { disk, opened } = await give({ step: index + 1, bytes: torn })
        for (const survival of ['everything', 'nothing', seeded(index * 1000 + torn)] as const) {
          const found = disk.restarted(survival)
          const again = await storeOn(found, DIRECTORY).open()
          expect(readable(again), where).toBe(before)
          const incarnation = again.identity?.incarnation
          if (opened !== null) expect(incarnation, where).toBe('first')
          else expect([undefined, 'first'], where).toContain(incarnation)
          given += incarnation === undefined ? 0 : 1
        }
      }
    }
    expect(given).toBeGreaterThan(0)
  })

  it('on a full disk it is refused, and stays as it was', async () => {
    const files = await earlierFiles()
    const disk = new SimulatedDisk(files)
    disk.failWith('ENOSPC', ({ type, path }) => type === 'write' && path.endsWith('.new'))
    await expect(storeOn(disk, DIRECTORY).open(FIXTURE_OWNER)).rejects.toThrow(/the disk is full/)
    expect(disk.files().get(LOG)).toEqual(new Uint8Array(files.get(LOG) ?? []))
    expect([disk.openFiles, disk.locked]).toEqual([0, false])
  })
})
