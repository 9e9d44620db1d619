/** Files that are replaced while a server runs, as it notices by itself. */
import { readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FileVersions } from '../src/file-versions.ts'
import { reloading } from '../src/reload.ts'
import type { Reloadable } from '../src/reload.ts'
import { emptyDirectory } from './processes.ts'

interface Line {
  readonly level: 'info' | 'error'
  readonly message: string
  readonly fields: object | undefined
}

/** What is logged, line by line, as it comes. */
class Lines {
  readonly #lines: Line[] = []
  #wake: () => void = () => undefined
  readonly log = {
    debug: () => undefined,
    info: (message: string, fields?: object) => this.#add({ level: 'info', message, fields }),
    warn: () => undefined,
    error: (message: string, fields?: object) => this.#add({ level: 'error', message, fields }),
  }

  async next(): Promise<Line> {
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined) return line
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #add(line: Line): void {
    this.#lines.push(line)
    this.#wake()
  }
}

const TAKEN = { level: 'info', message: expect.stringMatching(/were read again/) }
const REFUSED = { level: 'error', message: expect.stringMatching(/cannot be used.*before stay/) }

/** Reads `path` whenever it changes; a text 'bad' cannot be used. */
async function watching(path: string): Promise<{
  readonly lines: Lines
  readonly read: string[]
  readonly one: Reloadable
  readonly start: (...more: Reloadable[]) => void
}> {
  const lines = new Lines()
  const read: string[] = []
  const one: Reloadable = {
    of: 'clients',
    files: await FileVersions.now([path, undefined]),
    async load() {
      const text = await readFile(path, 'utf8')
      if (text === 'bad') throw new TypeError('It is bad.')
      read.push(text)
      return () => []
    },
    complaints: () => [],
  }
  return {
    lines,
    read,
    one,
    start: (...more) =>
      onTestFinished(reloading({ all: [one, ...more], log: lines.log, everyMs: 1 })),
  }
}

/** At once, so that nobody reads half of it. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

describe('a file that is replaced while the server runs', () => {
  it('is read again without a signal; what cannot be used is said, and later ones are', async () => {
    const path = join(await emptyDirectory(), 'file')
    await writeFile(path, 'first')
    const { lines, read, start } = await watching(path)
    start()
    await replace(path, 'second')
    expect(await lines.next()).toMatchObject({ ...TAKEN, fields: { why: 'a file has changed' } })
    await replace(path, 'bad')
    expect(await lines.next()).toMatchObject({ ...REFUSED, fields: { of: 'clients' } })
    await rm(path)
    expect(await lines.next()).toMatchObject(REFUSED)
    await replace(path, 'third')
    for (let line = await lines.next(); line.level !== 'info'; line = await lines.next());
    expect(new Set(read)).toEqual(new Set(['second', 'third']))
  })

  it('before anybody looked, once it had been read, is read again too', async () => {
    const path = join(await emptyDirectory(), 'file')
    await writeFile(path, 'first')
    const { lines, read, start } = await watching(path)
    await replace(path, 'second')
    start()
    expect(await lines.next()).toMatchObject(TAKEN)
    expect(read).toEqual(['second'])
  })

  it('by one of the same size and time, or by turning a link to it, is read again', async () => {
    const directory = await emptyDirectory()
    const [path, target, other] = ['file', 'target', 'other'].map((name) => join(directory, name))
    const when = new Date(1_700_000_000_000)
    for (const file of [target ?? '', other ?? '']) {
      await writeFile(file, file === target ? 'AA' : 'BB')
      await utimes(file, when, when)
    }
    await symlink('target', path ?? '')
    const { lines, read, start } = await watching(path ?? '')
    start()
    await symlink('other', `${path}.new`)
    await rename(`${path}.new`, path ?? '')
    expect(await lines.next()).toMatchObject(TAKEN)
    expect(read).toEqual(['BB'])
  })

  it('leaves alone what is read from other files', async () => {
    const directory = await emptyDirectory()
    const paths = ['file', 'bad'].map((name) => join(directory, name))
    for (const path of paths) await writeFile(path, 'first')
    const [mine, others] = await Promise.all(paths.map(watching))
    if (mine === undefined || others === undefined) throw new TypeError('two were asked for')
    mine.start({ ...others.one, of: 'members' })
    await replace(paths[1] ?? '', 'bad')
    expect(await mine.lines.next()).toMatchObject({ ...REFUSED, fields: { of: 'members' } })
    await replace(paths[0] ?? '', 'second')
    expect(await mine.lines.next()).toMatchObject({ ...TAKEN, fields: { of: 'clients' } })
    expect(others.read).toEqual([])
  })
})
