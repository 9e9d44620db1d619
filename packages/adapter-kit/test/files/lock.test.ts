/** Who may hold a lock, and when it is free again: of a directory, and beside a file. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LockedError } from '@paxos/core'
import { extent } from '@paxos/testkit/fuzz'
import { afterEach, describe, expect, it } from 'vitest'
import { lockBeside, lockDirectory } from '../../src/files/lock.ts'

const directories: string[] = []
const running = new Set<ChildProcess>()

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true })
})

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'adapter-kit-'))
  directories.push(directory)
  return directory
}

/** Has another process take the lock. */
function hold(kind: string, place: string) {
  const program = fileURLToPath(new URL('programs/hold.ts', import.meta.url))
  const flags = ['--conditions=@paxos/source', '--import', 'tsx']
  const child = spawn(process.execPath, [...flags, program, kind, place], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  const ended = once(child, 'exit').then(() => running.delete(child))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    said: lines.next().then(({ value }) => String(value)),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

describe.each([
  {
    kind: 'directory',
    placeIn: (directory: string) => directory,
    lock: lockDirectory,
    prefix: (place: string) => join(place, 'lock-'),
  },
  {
    kind: 'file',
    placeIn: (directory: string) => join(directory, 'a.db'),
    lock: (place: string) => lockBeside(place, 'file'),
    prefix: (place: string) => `${place}-lock-`,
  },
])('a lock of a $kind', ({ kind, placeIn, lock, prefix }) => {
  const newPlace = async () => placeIn(await temporaryDirectory())

  const locks = async (place: string) => {
    const names = await readdir(dirname(prefix(place)))
    return names.filter((name) => join(dirname(prefix(place)), name).startsWith(prefix(place)))
  }

  it('is refused while another process holds it, who is named; SIGKILL frees it', async () => {
    const place = await newPlace()
    const holder = hold(kind, place)
    expect(await holder.said).toBe('held')
    const second = lock(place)
    await expect(second).rejects.toThrow(LockedError)
    await expect(second).rejects.toThrow(
      `${place} is held by process ${holder.pid}: two writers would forget each other's promises. ` +
        `Close or end that one first, or give this node a ${kind} of its own.`,
    )
    await holder.kill()
    expect(await locks(place)).toHaveLength(1)
    await (await lock(place)).release()
    expect(await locks(place)).toEqual([])
  })

  it('is refused to another process while this one holds it, and to this one', async () => {
    const place = await newPlace()
    const held = await lock(place)
    expect(await hold(kind, place).said).toContain(`is held by process ${process.pid}:`)
    await expect(lock(place)).rejects.toThrow(`is held by this process (${process.pid}):`)
    expect(await held.isHeld()).toBe(true)
    await held.release()
  })

  it('of ten who want it at once in one process exactly one wins, every time', async () => {
    const place = await newPlace()
    for (let round = 0; round < extent(8, 30); round += 1) {
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => lock(place)))
      const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(won).toHaveLength(1)
      await won[0]?.release()
    }
  })

  it('of several processes at once at most one wins', async () => {
    const place = await newPlace()
    const count = extent(2, 4)
    const said = await Promise.all(Array.from({ length: count }, () => hold(kind, place).said))
    expect(said.filter((line) => line === 'held').length).toBeLessThanOrEqual(1)
    for (const line of said) expect(line).toMatch(/^held$|^LockedError: /)
  })

  it('is not kept by what a dead process or a stranger left there', async () => {
    const place = await newPlace()
    // As after a reboot: a name without a listener. The process id is that of a living process.
    await writeFile(`${prefix(place)}${process.pid}-0123456789ab`, '')
    await writeFile(`${prefix(place)}of-somebody-else`, 'kept')
    await (await lock(place)).release()
    expect(await locks(place)).toEqual([expect.stringMatching(/lock-of-somebody-else$/)])
  })

  it('is not held any more once its name was removed, or its directory was moved', async () => {
    const place = await newPlace()
    const removed = await lock(place)
    for (const name of await locks(place)) await rm(join(dirname(prefix(place)), name))
    expect(await removed.isHeld()).toBe(false)
    await removed.release()

    const moved = await lock(place)
    const directory = dirname(prefix(place))
    await rename(directory, `${directory}-moved`)
    await mkdir(directory)
    directories.push(`${directory}-moved`)
    expect(await moved.isHeld()).toBe(false)
    await moved.release()
  })

  it.runIf(process.platform === 'linux')(
    'is taken all the same where the path is too long for a socket',
    async () => {
      const directory = join(await temporaryDirectory(), 'a'.repeat(120), 'b'.repeat(120))
      await mkdir(directory, { recursive: true })
      const place = placeIn(directory)
      const held = await lock(place)
      expect(await hold(kind, place).said).toMatch(/^LockedError/)
      await held.release()
      expect(await locks(place)).toEqual([])
    },
  )
})

it('a file whose name begins in the same way is another one, and so is the directory', async () => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'a.db')
  const locks = [await lockDirectory(directory)]
  for (const place of [path, `${path}-lock`, `${path}2`])
    locks.push(await lockBeside(place, 'file'))
  for (const lock of locks) await lock.release()
})

it.runIf(process.platform === 'linux')(
  'a name that is too long for a socket in any case is an error that says so, and leaves nothing',
  async () => {
    const directory = await temporaryDirectory()
    await expect(lockBeside(join(directory, 'a'.repeat(200)), 'file')).rejects.toThrow(
      /the path of the socket that locks it would be \d+ bytes long, and 103 is the limit\. /,
    )
    expect(await readdir(directory)).toEqual([])
  },
)
