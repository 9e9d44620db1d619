/** What a disk in Node does of itself, and what is made of it. */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeWhole } from '../../src/files/disk.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('P11: a write that the system did only in part', () => {
  it('is carried on to the end', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'adapter-kit-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const path = join(directory, 'file')
    const handle = await open(path, 'w')
    const stingy = {
      write: (buffer: Uint8Array, offset: number, length: number, position: number) =>
        handle.write(buffer, offset, Math.min(length, 3), position),
    }
    await writeWhole(stingy, 2, bytes('0123456789'))
    await handle.close()
    expect(await readFile(path, 'latin1')).toBe('\0\x000123456789')
  })

  it('and one of nothing at all is an error, not a loop', async () => {
    const handle = { write: async () => ({ bytesWritten: 0 }) }
    await expect(writeWhole(handle, 0, bytes('x'))).rejects.toThrow('wrote nothing')
  })
})
