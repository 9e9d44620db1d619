/**
 * A durability adapter over one text file, which keeps the contract, or breaks one promise of it:
 * for the tests of `directoryHarness`.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claim, CorruptionError, DurabilityError, EMPTY_SAVED, LockedError } from '@paxos/core'
import type { Durability, Identity, Saved } from '@paxos/core'
import { apply, copyOf } from './faulty-contents.ts'

export type TextFileFault = 'has no checksum' | 'writes when it closes'

type Stored = Saved & { readonly identity: Identity | null }

const open = new Set<string>()

export function textFile(directory: string, fault: TextFileFault | null = null): Durability {
  // In a folder, so that it is seen that folders are copied.
  const folder = join(directory, 'folder')
  let state: Stored | null = null
  let isUsed = false

  function write(): void {
    if (state === null) return
    const text = asText(state)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'new'), fault === 'has no checksum' ? text : hashOf(text) + text)
    renameSync(join(folder, 'new'), join(folder, 'state'))
  }

  return {
    async open(owner) {
      if (isUsed) throw stateError()
      if (open.has(directory)) throw new LockedError('It is open. Close it first.')
      const found = read(join(folder, 'state'), fault)
      const claimed = claim(directory, found, owner)
      state = { ...found, identity: claimed.identity }
      if (claimed.identity !== found.identity) write()
      isUsed = true
      open.add(directory)
      // Read twice, so that its bytes are not those that are written next.
      return { ...read(join(folder, 'state'), fault), ...claimed }
    },
    async save(change) {
      if (state === null) throw stateError()
      state = { ...apply(state, copyOf(change)), identity: state.identity }
      if (fault !== 'writes when it closes') write()
    },
    async close() {
      if (state === null) return
      if (fault === 'writes when it closes') write()
      state = null
      open.delete(directory)
    },
  }
}

function read(path: string, fault: TextFileFault | null): Stored {
  if (!existsSync(path)) return { ...EMPTY_SAVED, identity: null }
  const content = readFileSync(path)
  if (fault === 'has no checksum') return fromText(content.toString())
  const text = content.subarray(HASH_LENGTH).toString()
  // The text is compared too: bytes that are not UTF-8 could turn into others that are.
  if (hashOf(text) + text === content.toString('latin1')) return fromText(text)
  throw new CorruptionError('The file is damaged. Restore it.')
}

const HASH_LENGTH = 64

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** In ASCII, with bytes as an object that holds them in hexadecimal. */
function asText(saved: Stored): string {
  const text = JSON.stringify(saved, (_, value: unknown) =>
    value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value,
  )
  return text.replaceAll(
    /[^ -~]/g,
    (character) => String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function fromText(text: string): Stored {
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'hex' in value
      ? Uint8Array.from(Buffer.from(String(value.hex), 'hex'))
      : value,
  )
}

function stateError(): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_STATE', 'Not now. Make a new adapter.')
}
