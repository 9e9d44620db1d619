/** The adapter on real files, with the limits as they are shipped. */
import { InvalidArgumentError, type Change } from '@paxos/core'
import { fromUrl, MAX_CHANGE_BYTES, sqlite } from '@paxos/durability-sqlite'
import { copyFile, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { PIECE_BYTES } from '../src/limits.ts'
import { sqliteOn } from '../src/sqlite.ts'
import { temporaryDirectory } from './directories.ts'
import { accept, after, bytes, promise, readable } from './model.ts'
import { ANY_DRIVER, DRIVERS, platformWith, QUICK, sqlError, type Operation } from './platform.ts'

const newPath = async () => join(await temporaryDirectory(), 'a.db')

describe.each(DRIVERS)('what is saved with %s is there', (driver) => {
  it('P3: falsy values are values, also a text with a zero in it', async () => {
    const adapter = sqlite(await newPath(), { driver })
    expect(readable(await adapter.open())).toBe(readable(after([])))
    const change: Change = {
      promised: { round: 0, node: '' },
      accepted: [{ slot: 1, ballot: { round: 0, node: 'a\0b' }, value: new Uint8Array(0) }],
      snapshot: {
        through: 0,
        members: [{ id: '', address: '\ufeff' }],
        bytes: new Uint8Array(0),
      },
    }
    await adapter.save(change)
    await adapter.close()
    expect(await adapter.open()).toMatchObject({ ...change, chosenThrough: 0 })
    await adapter.close()
  })

  it('of a large snapshot nothing is left behind a smaller one', async () => {
    const adapter = sqliteOn(QUICK, await newPath(), { driver })
    await adapter.open()
    const large = new Uint8Array(2 * PIECE_BYTES + 1).fill(1)
    const C = { id: 'c', address: 'memory://c' }
    const snapshots = [
      { through: 1, members: [{ id: 'a', address: 'memory://a' }, C], bytes: large },
      { through: 2, members: [C], bytes: bytes('small') },
      { through: 3, members: [], bytes: new Uint8Array(0) },
    ]
    for (const snapshot of snapshots) {
      await adapter.save({ snapshot })
      await adapter.close()
      const found = (await adapter.open()).snapshot
      expect({ ...found, bytes: null }).toEqual({ ...snapshot, bytes: null })
      expect(Buffer.compare(found?.bytes ?? bytes('nothing'), snapshot.bytes)).toBe(0)
    }
    await adapter.close()
  })

  it('integers are exact up to the largest that there is', async () => {
    const adapter = sqliteOn(QUICK, await newPath(), { driver })
    await adapter.open()
    const largest = Number.MAX_SAFE_INTEGER
    const change: Change = {
      promised: { round: largest, node: 'a' },
      accepted: [{ slot: largest, ballot: { round: largest - 1, node: 'a' }, value: bytes('x') }],
      chosenThrough: largest - 2,
    }
    await adapter.save(change)
    await adapter.close()
    expect(await adapter.open()).toMatchObject({ ...change, snapshot: null })
    await adapter.close()
  })

  it('values are plain Uint8Arrays of their own', async () => {
    const adapter = sqliteOn(QUICK, await newPath(), { driver })
    await adapter.open()
    const large = new Uint8Array(100).subarray(10, 13)
    await adapter.save(accept(1, Buffer.from(large)))
    await adapter.save({ snapshot: { through: 0, members: [], bytes: Buffer.from('state') } })
    await adapter.close()
    const { accepted, snapshot } = await adapter.open()
    const value = accepted[0]?.value
    expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype)
    expect(value?.buffer.byteLength).toBe(3)
    expect(Object.getPrototypeOf(snapshot?.bytes)).toBe(Uint8Array.prototype)
    await adapter.close()
  })

  it('a snapshot of many pieces, thousands of entries and a large one come back as they were', async () => {
    const adapter = sqliteOn(QUICK, await newPath(), { driver })
    await adapter.open()
    const large = new Uint8Array((extent(2, 5) << 20) + 3).map((_, at) => at % 253)
    const list: Change[] = [
      { snapshot: { through: 7, members: [], bytes: large } },
      {
        accepted: Array.from({ length: extent(4_000, 20_000) }, (_, at) => ({
          slot: at * 3,
          ballot: { round: 1, node: 'a' },
          value: bytes(`${at}`),
        })),
      },
      accept(30, large),
      { snapshot: { through: 9, members: [{ id: 'b', address: 'é' }], bytes: large.slice(1) } },
    ]
    for (const change of list) await adapter.save(change)
    await adapter.close()
    expect(readable(await adapter.open()) === readable(after(list))).toBe(true)
    await adapter.close()
  })

  it('P12: files stay small however much is written over, and nothing is lost', async () => {
    const path = await newPath()
    const adapter = sqliteOn(QUICK, path, { driver })
    await adapter.open()
    const list: Change[] = []
    let largest = 0
    for (let number = 1; number <= 200; number += 1) {
      const change: Change = {
        ...promise(number),
        ...accept(number % 5, new Uint8Array(100_000).fill(number)),
      }
      list.push(change)
      await adapter.save(change)
      const sizes = await Promise.all(
        [path, `${path}-wal`].map(async (name) => (await stat(name)).size),
      )
      largest = Math.max(largest, ...sizes)
    }
    // 20 MB were written, and the log is moved into the database about every 4 MiB.
    expect(largest).toBeLessThan(6_000_000)
    await adapter.close()
    expect(readable(await adapter.open()) === readable(after(list))).toBe(true)
    await adapter.close()
  })

  it('a log that a large snapshot has made long is cut again', async () => {
    const path = await newPath()
    const adapter = sqliteOn(QUICK, path, { driver })
    await adapter.open()
    const state = new Uint8Array(24 << 20)
    await adapter.save({ snapshot: { through: 0, members: [], bytes: state } })
    expect((await stat(`${path}-wal`)).size).toBeGreaterThan(state.byteLength)
    await adapter.save(promise(1))
    expect((await stat(`${path}-wal`)).size).toBeLessThanOrEqual(16 << 20)
    await adapter.close()
  })
})

describe('close', () => {
  it('leaves the database and its mark, and no file or thread open', async () => {
    const path = await newPath()
    const adapter = sqlite(path, { driver: ANY_DRIVER })
    await adapter.open()
    await adapter.save(promise(1))
    expect((await readdir(dirname(path))).map((name) => name.replace(/\d+-\w+$/, ''))).toEqual([
      'a.db',
      'a.db-lock-',
      'a.db-mark',
      'a.db-wal',
    ])
    expect(await openFilesIn(dirname(path))).not.toEqual([])
    await adapter.close()
    expect(await readdir(dirname(path))).toEqual(['a.db', 'a.db-mark'])
    expect(await openFilesIn(dirname(path))).toEqual([])
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('that fails says so, leaves nothing open, and what was saved is there', async () => {
    const path = await newPath()
    let failing = false
    const platform = platformWith(async (operation, run) => {
      if (failing && operation.type === 'run') throw sqlError('SQLITE_IOERR')
      return run()
    })
    const adapter = sqliteOn(platform, path, { driver: ANY_DRIVER })
    await adapter.open()
    await adapter.save(promise(1))
    failing = true
    await expect(adapter.close()).rejects.toThrow(
      `Could not close ${path}: the device failed. Check the disk, then open it again.`,
    )
    failing = false
    expect(await openFilesIn(dirname(path))).toEqual([])
    expect((await adapter.open()).promised?.round).toBe(1)
    await adapter.close()
  })
})

/** What this process has open below a directory; nothing where the system does not tell. */
async function openFilesIn(directory: string): Promise<string[]> {
  const names = await readdir('/proc/self/fd').catch(() => [])
  const links = names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => ''))
  return (await Promise.all(links)).filter((path) => path.startsWith(directory))
}

describe('an argument that can never work is refused at once', () => {
  it.each(['', ' ', 'a.db ', 'a\0.db', '\ta.db'])('the path %j', (path) => {
    expect(() => sqlite(path)).toThrow(InvalidArgumentError)
    expect(() => sqlite(path)).toThrow(/is no path of a database\. Give a file name/)
  })

  it('a driver that nobody knows', () => {
    const message = 'The driver is "sqlite3". It must be one of better-sqlite3, node:sqlite.'
    // @ts-expect-error -- a program without types may say this.
    expect(() => sqlite('a.db', { driver: 'sqlite3' })).toThrow(new InvalidArgumentError(message))
  })

  it.each([
    [
      'one that there is not',
      { file: 'b.db' },
      /^Unknown option 'file' of sqlite\(\)\. Use driver, warn\.$/,
    ],
    ['one that is misspelt', { dirver: 'node:sqlite' }, /^Unknown option 'dirver' .*'driver'\?$/],
    ['a warning that is no function', { warn: true }, /^warn is a boolean\. Give a function\.$/],
    ['none at all', null, /^The options of sqlite\(\) are null\. /],
  ])('an option, with sqlite() and fromUrl(): %s', (_, options, message) => {
    // As a caller without types would.
    for (const [make, place] of [
      [sqlite, 'a.db'],
      [fromUrl, 'sqlite:a.db'],
    ] as const) {
      const call = (): unknown => Reflect.apply(make, null, [place, options])
      expect(call).toThrow(InvalidArgumentError)
      expect(call).toThrow(message)
    }
  })

  it('a change above the limit', async () => {
    const adapter = sqliteOn(QUICK, await newPath(), { driver: ANY_DRIVER })
    await adapter.open()
    const saving = adapter.save(accept(1, new Uint8Array(MAX_CHANGE_BYTES)))
    await expect(saving).rejects.toThrow(InvalidArgumentError)
    await expect(saving).rejects.toThrow(/and the limit is 67108864\. Save it in smaller pieces\./)
    await adapter.close()
  })
})

describe('a place that cannot be used is refused in one clear sentence', () => {
  it('a directory, and a parent that is a file', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'mine'))
    await expect(sqlite(join(directory, 'mine')).open()).rejects.toMatchObject({
      name: 'DurabilityError',
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message: `Could not open ${join(directory, 'mine')}: a directory is in the way. Name a file.`,
    })
    const occupied = join(directory, 'occupied')
    await writeFile(occupied, 'mine')
    const below = join(occupied, 'a.db')
    await expect(sqlite(below).open()).rejects.toThrow(
      `Could not open ${below}: a file is in the way. Name a path that is free.`,
    )
    expect(await readFile(occupied, 'utf8')).toBe('mine')
    expect((await readdir(directory)).toSorted()).toEqual(['mine', 'occupied'])
  })

  it.runIf(process.platform === 'linux')(
    'a place where nothing can be made, without a hang',
    async () => {
      await expect(sqlite('/proc/no/such/a.db').open()).rejects.toThrow(
        /^Could not open \/proc\/no\/such\/a\.db: \/proc\/no\/such, which it is to be in, is missing/,
      )
    },
  )

  it.each([
    ['EROFS', 'it cannot be written. Give this user the right to write there, on a file system'],
    ['EACCES', 'this user has no access. Give this user the right to read and write there.'],
    ['ENOSPC', 'the disk is full. Free some space, then open it again.'],
    ['EMFILE', 'this process has too many files open. Raise its limit, or close some.'],
    ['EXYZ', 'the answer was EXYZ. See the cause of this error, then open it again.'],
  ])('%s', async (code, sentence) => {
    const path = await newPath()
    const cause = Object.assign(new Error('simulated'), { code })
    const platform = platformWith(async (operation, run) => {
      if (operation.type === 'open') throw cause
      return run()
    })
    const opening = sqliteOn(platform, path, { driver: ANY_DRIVER }).open()
    await expect(opening).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED', cause })
    await expect(opening).rejects.toThrow(`Could not open ${path}: ${sentence}`)
    const later = sqlite(path, { driver: ANY_DRIVER })
    await later.open()
    await later.close()
  })
})

describe('an open that fails leaves nothing open, and harms nothing', () => {
  it.each([
    ['a new database', 0],
    ['one that was closed', 1],
    ['one that was killed', 2],
  ])('%s: whichever call fails', async (_, kind) => {
    for (let failAt = 1; ; failAt += 1) {
      const path = await newPath()
      if (kind > 0) await lifeBefore(path, kind === 2)
      let calls = 0
      let opening = true
      const platform = platformWith(async (operation, run) => {
        calls += 1
        if (calls !== failAt || !opening) return run()
        throw 'sql' in operation
          ? sqlError('SQLITE_IOERR')
          : Object.assign(new Error('simulated'), { code: 'EIO' })
      })
      const adapter = sqliteOn(platform, path, { driver: ANY_DRIVER })
      const failure = await adapter.open().then(
        () => null,
        (error: unknown) => error,
      )
      opening = false
      if (failure === null) {
        await adapter.close()
        expect(failAt).toBeGreaterThan(8)
        return
      }
      expect(failure).toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        message: `Could not open ${path}: the device failed. Check the disk, then open it again.`,
      })
      expect(await openFilesIn(dirname(path))).toEqual([])
      expect((await readdir(dirname(path))).filter((name) => name.includes('lock'))).toEqual([])
      const saved = await adapter.open()
      expect(saved.promised?.round ?? 0).toBe(kind === 0 ? 0 : 5)
      await adapter.close()
    }
  })
})

describe('what an open has shown survives power loss right after it', () => {
  it('though a process that was killed had written it and not synced it: it is in the database', async () => {
    const path = await newPath()
    await lifeBefore(path, true)
    const adapter = sqliteOn(QUICK, path, { driver: ANY_DRIVER })
    expect((await adapter.open()).promised?.round).toBe(5)
    expect((await stat(`${path}-wal`)).size).toBe(0)
    const elsewhere = await newPath()
    await copyFile(path, elsewhere)
    await copyFile(`${path}-mark`, `${elsewhere}-mark`)
    await adapter.close()
    const copy = sqliteOn(QUICK, elsewhere, { driver: ANY_DRIVER })
    expect((await copy.open()).promised?.round).toBe(5)
    await copy.close()
  })

  it.each([
    ['a new database', false],
    ['one that is there', true],
  ])('%s: its names are synced before anything relies on them', async (_, isThere) => {
    const path = await newPath()
    if (isThere) await lifeBefore(path, false)
    const operations: Operation[] = []
    const platform = platformWith(async (operation, run) => {
      operations.push(operation)
      return run()
    })
    const adapter = sqliteOn(platform, path, { driver: ANY_DRIVER })
    await adapter.open()
    await adapter.close()
    const synced = operations.findIndex(
      (operation) =>
        operation.type === 'sync' && 'path' in operation && operation.path === dirname(path),
    )
    const renamed = operations.findLastIndex(({ type }) => type === 'rename')
    const read = operations.findIndex(
      (operation) => 'sql' in operation && /FROM acceptor/.test(operation.sql),
    )
    expect(synced).toBeGreaterThan(renamed)
    expect(read).toBeGreaterThan(synced)
    const named = operations.flatMap((operation) =>
      operation.type === 'rename' ? operation.path : [],
    )
    expect(named).toEqual(isThere ? [] : [`${path}-mark`, path])
  })
})

/** A database with something in it, and with its log when its process was killed. */
async function lifeBefore(path: string, killed: boolean): Promise<void> {
  const adapter = sqliteOn(QUICK, path, { driver: ANY_DRIVER })
  await adapter.open()
  await adapter.save(promise(5))
  const names = [path, `${path}-wal`, `${path}-mark`]
  const contents = await Promise.all(names.map((name) => readFile(name)))
  await adapter.close()
  if (!killed) return
  for (const [at, name] of names.entries()) await writeFile(name, contents[at] ?? '')
}

describe('SQLite is set up for safety, and asked whether it is', () => {
  it('a setting that was not taken is a reason not to open', async () => {
    const path = await newPath()
    const lying: typeof QUICK = {
      ...QUICK,
      startThread(drivers) {
        const thread = QUICK.startThread(drivers)
        return {
          ...thread,
          async connect(name, mode) {
            const connection = await thread.connect(name, mode)
            return {
              ...connection,
              run: (steps) =>
                connection.run(
                  steps.map((step) =>
                    step.sql === 'PRAGMA synchronous = 2'
                      ? { ...step, sql: 'PRAGMA synchronous = 1' }
                      : step,
                  ),
                ),
            }
          },
        }
      },
    }
    const adapter = sqliteOn(lying, path, { driver: ANY_DRIVER })
    await expect(adapter.open()).rejects.toThrow(
      /SQLite was to set synchronous to 2 and answers 1\. Use another SQLite/,
    )
    expect(await openFilesIn(dirname(path))).toEqual([])
  })

  it('a database that is really full refuses, and nothing acknowledged is lost', async () => {
    const path = await newPath()
    const full: typeof QUICK = {
      ...QUICK,
      startThread(drivers) {
        const thread = QUICK.startThread(drivers)
        return {
          ...thread,
          async connect(name, mode) {
            const connection = await thread.connect(name, mode)
            await connection.run([{ sql: 'PRAGMA max_page_count = 20', parameters: [] }])
            return connection
          },
        }
      },
    }
    const adapter = sqliteOn(full, path, { driver: ANY_DRIVER })
    await adapter.open()
    let acknowledged = 0
    const saveMany = async () => {
      for (;;) {
        const slot = acknowledged + 1
        await adapter.save({ chosenThrough: slot, ...accept(slot, new Uint8Array(9000)) })
        acknowledged = slot
      }
    }
    await expect(saveMany()).rejects.toThrow(/the disk is full/)
    await adapter.close()
    expect(acknowledged).toBeGreaterThan(2)
    const again = sqliteOn(QUICK, path, { driver: ANY_DRIVER })
    expect((await again.open()).chosenThrough).toBe(acknowledged)
    await again.save(promise(1))
    await again.close()
  })
})
