/**
 * Damage to what was durable. Whatever is changed, a state is the newest or CorruptionError: never
 * an older one. And what is refused is left exactly as it was.
 */
import { CorruptionError, DurabilityError, type Change } from '@paxos/core'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { extent } from '@paxos/testkit/fuzz'
import { beforeEach, describe, expect, it } from 'vitest'
import { sqliteOn } from '../src/sqlite.ts'
import { copyNow, filesIn, fingerprint, temporaryDirectory } from './directories.ts'
import { accept, after, bytes, promise, readable } from './model.ts'
import { ANY_DRIVER as driver, platformWith, QUICK } from './platform.ts'

const NAME = 'a.db'
/** Of so many places in a file one is damaged; prime, so that every kind has its turn. */
const STRIDE = extent(17, 1)
const WAL = `${NAME}-wal`
const MARK = `${NAME}-mark`
const WAL_HEADER_BYTES = 32
const FRAME_BYTES = 24 + 4096

const CHANGES: readonly Change[] = [
  promise(1),
  accept(1, bytes('old')),
  {
    snapshot: { through: 1, members: [{ id: 'a', address: 'm:a' }], bytes: bytes('state') },
    ...accept(2, bytes('newer')),
  },
  { ...promise(2), ...accept(3, new Uint8Array(6000).fill(3)) },
]

type Files = ReadonlyMap<string, Uint8Array>

const open = (directory: string) => sqliteOn(QUICK, join(directory, NAME), { driver })

/** What all CHANGES, saved one after the other, leave. */
async function saved(end: 'closed' | 'killed'): Promise<Files> {
  const directory = await temporaryDirectory()
  const copy = await temporaryDirectory()
  const adapter = open(directory)
  await adapter.open()
  for (const change of CHANGES) await adapter.save(change)
  if (end === 'killed') copyNow(directory, copy)
  await adapter.close()
  return filesIn(end === 'killed' ? copy : directory)
}

let place = ''

beforeEach(async () => {
  place = await temporaryDirectory()
})

/** Puts `files` in a place of their own, instead of those that were there. */
function lay(files: Files): string {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place)
  for (const [name, content] of files) writeFileSync(join(place, name), content)
  return place
}

type Outcome = 'newest' | 'refused'

/** Opens what `files` hold. What is refused must be untouched, and what is shown must last. */
async function outcomeOf(files: Files): Promise<Outcome> {
  const directory = lay(files)
  const before = fingerprint(directory)
  const adapter = open(directory)
  try {
    expect(readable(await adapter.open())).toBe(readable(after(CHANGES)))
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    expect(fingerprint(directory)).toEqual(before)
    expect(readdirSync(directory)).toHaveLength(files.size)
    return 'refused'
  }
  await adapter.save({ chosenThrough: 2 })
  await adapter.close()
  expect(readable(await adapter.open())).toBe(readable(after([...CHANGES, { chosenThrough: 2 }])))
  await adapter.close()
  return 'newest'
}

function changed(files: Files, name: string, change: (content: Uint8Array) => Uint8Array): Files {
  return new Map(files).set(name, change(Uint8Array.from(files.get(name) ?? [])))
}

function flipped(files: Files, name: string, position: number): Files {
  return changed(files, name, (copy) => {
    copy[position] = (copy[position] ?? 0) ^ (1 << (position % 8))
    return copy
  })
}

describe.each(['closed', 'killed'] as const)('a database that was %s', (end) => {
  it('a flipped bit in any part of any file never shows an older state', async () => {
    const files = await saved(end)
    const outcomes = { newest: 0, refused: 0 }
    for (const [name, content] of files) {
      // Every byte of what decides what the rest means, and some of the rest.
      const isDense = (position: number) =>
        name === MARK
          ? position % 4096 < 32
          : position < (name === WAL ? WAL_HEADER_BYTES + 24 : 108)
      for (let position = 0; position < content.byteLength; position += STRIDE) {
        if (!isDense(position) && position % (307 * STRIDE) !== 0) continue
        outcomes[await outcomeOf(flipped(files, name, position))] += 1
      }
    }
    expect(outcomes.refused).toBeGreaterThan(50 / STRIDE)
    expect(outcomes.newest).toBeGreaterThan(20 / STRIDE)
  })

  it('a block of zeros anywhere never shows an older state', async () => {
    const files = await saved(end)
    const outcomes = new Set<Outcome>()
    for (const [name, content] of files) {
      for (let start = 0; start < content.byteLength; start += 4096) {
        const hole = (copy: Uint8Array) => copy.fill(0, start, start + 4096)
        outcomes.add(await outcomeOf(changed(files, name, hole)))
      }
    }
    expect(outcomes).toContain('refused')
  })

  it('a file cut off at any length never shows an older state', async () => {
    const files = await saved(end)
    for (const [name, content] of files) {
      for (
        let length = 0;
        length < content.byteLength;
        length += (name === MARK ? 257 : 1031) * STRIDE
      ) {
        await outcomeOf(changed(files, name, (copy) => copy.slice(0, length)))
      }
    }
  })

  it('any one file that is missing is refused', async () => {
    const files = await saved(end)
    expect(files.size).toBe(end === 'closed' ? 2 : 3)
    for (const name of files.keys()) {
      const without = new Map(files)
      without.delete(name)
      expect(await outcomeOf(without)).toBe('refused')
    }
  })
})

describe('the log, which SQLite itself cuts off at the first frame that is not whole', () => {
  it('cut or damaged in any frame of a commit that was acknowledged, is refused', async () => {
    const files = await saved('killed')
    const log = files.get(WAL) ?? bytes('')
    const frames = (log.byteLength - WAL_HEADER_BYTES) / FRAME_BYTES
    expect(frames).toBeGreaterThan(CHANGES.length)
    for (let frame = 0; frame < frames; frame += 1) {
      const start = WAL_HEADER_BYTES + frame * FRAME_BYTES
      expect(await outcomeOf(changed(files, WAL, (copy) => copy.slice(0, start)))).toBe('refused')
      for (const at of [start, start + 20, start + 24 + ((frame * 577) % 4096)]) {
        expect(await outcomeOf(flipped(files, WAL, at))).toBe('refused')
      }
    }
  })

  it('is protected from the moment of the acknowledgement: there is no gap', async () => {
    const directory = await temporaryDirectory()
    const adapter = open(directory)
    await adapter.open()
    for (const change of CHANGES) {
      await adapter.save(change)
      const files = filesIn(directory)
      const shorter = changed(files, WAL, (log) => log.slice(0, log.byteLength - FRAME_BYTES))
      await expect(open(lay(shorter)).open()).rejects.toThrow(/commits were durable/)
    }
    await adapter.close()
  })

  it('may end in a commit that was not acknowledged, whole or torn: both are what was saved', async () => {
    const directory = await temporaryDirectory()
    const images: Files[] = []
    const platform = platformWith(async (operation, run) => {
      if (operation.type === 'write' && operation.path.endsWith(MARK)) {
        images.push(filesIn(directory))
      }
      return run()
    })
    const adapter = sqliteOn(platform, join(directory, NAME), { driver })
    await adapter.open()
    for (const change of CHANGES) await adapter.save(change)
    await adapter.close()
    expect(images).toHaveLength(CHANGES.length)
    for (const [index, files] of images.entries()) {
      const torn = changed(files, WAL, (log) => log.slice(0, log.byteLength - 1000))
      for (const [left, count] of [
        [files, index + 1],
        [torn, index],
      ] as const) {
        const reopened = open(lay(left))
        const found = await reopened.open()
        expect(readable(found)).toBe(readable(after(CHANGES.slice(0, count))))
        await reopened.close()
      }
    }
  })

  it('of a database that is gone is not taken for that of a new one', async () => {
    const files = new Map([[WAL, (await saved('killed')).get(WAL) ?? bytes('')]])
    expect(await outcomeOf(files)).toBe('refused')
  })
})

describe('rows that are sound to SQLite and are not those of the last save', () => {
  const stolen: readonly (readonly [string, readonly string[]])[] = [
    ['one is gone', ['DELETE FROM accepted WHERE slot = 2']],
    ['one is back', [`INSERT INTO accepted VALUES (1, 1, x'61', x'6f6c64')`]],
    ['one is older', ['UPDATE accepted SET round = 0 WHERE slot = 2']],
    ['the promise is older', ['UPDATE acceptor SET promised_round = 1']],
    ['the promise is gone', ['UPDATE acceptor SET promised_round = NULL']],
    ['a value is another', [`UPDATE accepted SET value = x'00' WHERE slot = 2`]],
    ['the snapshot is gone', ['DELETE FROM snapshot']],
    ['a member is gone', ['DELETE FROM snapshot_member']],
    ['a piece is gone', ['DELETE FROM snapshot_piece']],
    ['a snapshot claims to be endless', ['UPDATE snapshot SET bytes = 1152921504606846976']],
    ['a piece is elsewhere', ['UPDATE snapshot_piece SET position = 9']],
    ['an id is not UTF-8', [`UPDATE accepted SET node = x'ff'`]],
    [
      'a slot is beyond all counting',
      ['UPDATE accepted SET slot = 9007199254740993 WHERE slot = 2'],
    ],
    ['all of them are gone', ['DELETE FROM acceptor']],
    ['a table is gone', ['DROP TABLE accepted']],
    ['a table was added', ['CREATE TABLE mine (x)']],
    [
      'a trigger was added',
      ['CREATE TRIGGER t AFTER INSERT ON accepted BEGIN DELETE FROM accepted; END'],
    ],
  ]

  it.each(stolen)('%s', async (_, statements) => {
    const directory = lay(await saved('closed'))
    await meddle(directory, statements)
    const before = fingerprint(directory)
    await expect(open(directory).open()).rejects.toMatchObject({
      name: 'CorruptionError',
      code: 'ERR_PAXOS_CORRUPTION',
      message: expect.stringMatching(
        /a\.db is damaged: .*\. Keep this node off, .* Bring the disk back as it was at the last save, .*\.$/,
      ),
    })
    expect(fingerprint(directory)).toEqual(before)
  })

  it('two that are alike are older by the same, which the exclusive or of CRCs would not show', async () => {
    const directory = await temporaryDirectory()
    const adapter = open(directory)
    await adapter.open()
    for (const round of [1, 2]) {
      await adapter.save(accept(1, bytes('one'), round))
      await adapter.save(accept(2, bytes('two'), round))
    }
    await adapter.close()
    await meddle(directory, ['UPDATE accepted SET round = 1'])
    await expect(adapter.open()).rejects.toThrow(/its rows are not those that the last save left/)
  })

  it('a page that counts as free although it is in use: it would be written over one day', async () => {
    const directory = await temporaryDirectory()
    const adapter = open(directory)
    await adapter.open()
    await adapter.save(accept(1, new Uint8Array(40_000)))
    await adapter.save({ snapshot: { through: 1, members: [], bytes: bytes('') } })
    await adapter.close()
    const damaged = changed(filesIn(directory), NAME, (content) => {
      const database = Buffer.from(content.buffer)
      const trunk = (database.readUInt32BE(32) - 1) * 4096
      expect(database.readUInt32BE(trunk + 4)).toBeGreaterThan(1)
      // The root of the first table.
      database.writeUInt32BE(2, trunk + 8)
      return content
    })
    await expect(open(lay(damaged)).open()).rejects.toThrow(/is damaged: SQLite says: /)
  })

  it('a whole database with the mark of another one', async () => {
    const one = await saved('closed')
    const other = await saved('closed')
    const directory = lay(new Map(one).set(MARK, other.get(MARK) ?? bytes('')))
    await expect(open(directory).open()).rejects.toThrow(/its mark is of another database/)
  })

  it('an older copy of the database beside the newest mark', async () => {
    const directory = await temporaryDirectory()
    const adapter = open(directory)
    await adapter.open()
    await adapter.save(promise(1))
    await adapter.close()
    const older = filesIn(directory).get(NAME) ?? bytes('')
    await adapter.open()
    await adapter.save(promise(2))
    await adapter.close()
    writeFileSync(join(directory, NAME), older)
    await expect(adapter.open()).rejects.toThrow(
      /a\.db is damaged: 2 commits were durable, and it has come up with 1\./,
    )
  })
})

describe('the marks', () => {
  it('one that was torn in a crash leaves the other, and the commit that it was of', async () => {
    const directory = await temporaryDirectory()
    const images: Files[] = []
    const platform = platformWith(async (operation, run) => {
      const result = await run()
      if (operation.type === 'write' && operation.path.endsWith(MARK)) {
        images.push(filesIn(directory))
      }
      return result
    })
    const adapter = sqliteOn(platform, join(directory, NAME), { driver })
    await adapter.open()
    for (const change of CHANGES) await adapter.save(change)
    await adapter.close()
    expect(images).toHaveLength(CHANGES.length)
    for (const [index, files] of images.entries()) {
      const position = index % 2 === 0 ? 4096 : 0
      for (let length = 0; length < 32; length += 1) {
        const torn = changed(files, MARK, (copy) =>
          copy.fill(0xee, position + length, position + 32),
        )
        const reopened = open(lay(torn))
        const found = await reopened.open()
        expect(readable(found)).toBe(readable(after(CHANGES.slice(0, index + 1))))
        await reopened.close()
      }
    }
  })

  it('with the newest one damaged, the commit that it was of must be there all the same', async () => {
    const files = await saved('killed')
    const cut = changed(files, WAL, (log) => log.slice(0, log.byteLength - FRAME_BYTES))
    for (const position of [0, 4096]) {
      const damaged = changed(cut, MARK, (copy) => copy.fill(0, position, position + 32))
      expect(await outcomeOf(damaged)).toBe('refused')
    }
  })

  it('of its length, and of that of the database, is no fresh start', async () => {
    const names = [...(await saved('closed')).keys()]
    const directory = lay(new Map(names.map((name) => [name, bytes('')])))
    const before = fingerprint(directory)
    await expect(open(directory).open()).rejects.toThrow(CorruptionError)
    expect(fingerprint(directory)).toEqual(before)
  })

  it('of a later format is no damage: the error says which release opens it', async () => {
    const files = await saved('closed')
    const laterDatabase = changed(files, NAME, (content) => {
      content[63] = 5
      return content
    })
    const later = changed(laterDatabase, MARK, (content) => {
      const mark = Buffer.from(content.buffer)
      for (const position of [0, 4096]) {
        mark.writeUInt32LE(5, position + 4)
        const hash = createHash('sha256')
          .update(mark.subarray(position, position + 24))
          .digest()
        hash.copy(mark, position + 24, 0, 8)
      }
      return content
    })
    const opening = open(lay(later)).open()
    await expect(opening).rejects.toThrow(DurabilityError)
    await expect(opening).rejects.toThrow(
      /a\.db-mark is in format version 5, .*up to 4.*the release .* that wrote it, or a later one\.$/,
    )
    expect(fingerprint(place)).toEqual(fingerprint(lay(later)))
  })
})

describe('what is not ours is refused, and not touched', () => {
  it.each<[string, () => Promise<Uint8Array>, RegExp]>([
    ['a file that is no database', async () => bytes('a text'), /is a file of another program/],
    ['a long one', async () => new Uint8Array(9000).fill(7), /is a file of another program/],
    ['the database of another program', foreignDatabase, /is a file of another program/],
    [
      'a database of this package without its mark',
      async () => (await saved('closed')).get(NAME) ?? bytes(''),
      /is damaged: its mark, .*a\.db-mark, is missing\./,
    ],
  ])('%s', async (_, content, message) => {
    const directory = lay(new Map([[NAME, await content()]]))
    const before = fingerprint(directory)
    await expect(open(directory).open()).rejects.toThrow(message)
    expect(fingerprint(directory)).toEqual(before)
    expect(readdirSync(directory)).toEqual([NAME])
  })

  it('the database of another program, where ours was', async () => {
    const files = new Map(await saved('closed')).set(NAME, await foreignDatabase())
    expect(await outcomeOf(files)).toBe('refused')
  })

  it('a link that leads nowhere', async () => {
    symlinkSync('nowhere', join(place, NAME))
    await expect(open(place).open()).rejects.toThrow(/is a link that leads nowhere/)
    expect(readdirSync(place)).toEqual([NAME])
  })

  it('an empty file is nobody’s, and becomes the database', async () => {
    const adapter = open(lay(new Map([[NAME, bytes('')]])))
    await adapter.open()
    await adapter.save(promise(1))
    await adapter.close()
    expect((await adapter.open()).promised).toEqual({ round: 1, node: 'a' })
    await adapter.close()
  })
})

/** Changes the database behind the adapter's back. */
async function meddle(directory: string, statements: readonly string[]): Promise<void> {
  const thread = QUICK.startThread([driver])
  const connection = await thread.connect(join(directory, NAME), 'write')
  await connection.run(statements.map((sql) => ({ sql, parameters: [] })))
  await connection.close()
  await thread.end()
}

async function foreignDatabase(): Promise<Uint8Array> {
  const directory = await temporaryDirectory()
  writeFileSync(join(directory, NAME), '')
  await meddle(directory, ['CREATE TABLE theirs (x)'])
  return filesIn(directory).get(NAME) ?? bytes('')
}
