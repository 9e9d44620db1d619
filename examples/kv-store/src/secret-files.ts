/**
 * Keys, tokens and certificates: read from files, which have to be their owner's alone when they
 * hold a secret. Must never put what is in one into an error or a log.
 */
import { readFile, stat } from 'node:fs/promises'
import { UserError } from './fail.ts'
import { MAX_SECRET_BYTES } from './limits.ts'

/** A file that anybody may read. Rejects with a UserError that says what is wrong with it. */
export async function readPublic(path: string): Promise<string> {
  return await read(path, false)
}

/** A file that holds a secret: refused when others than its owner and group may read it. */
export async function readSecret(path: string): Promise<string> {
  return await read(path, true)
}

async function read(path: string, isSecret: boolean): Promise<string> {
  try {
    const { mode, size } = await stat(path)
    if (size > MAX_SECRET_BYTES) {
      throw new UserError(
        `${path} has ${size} bytes, and no key or certificate is so large. Name another file.`,
      )
    }
    if (isSecret && isForOthers(mode)) {
      throw new UserError(
        `${path} holds a secret, and everybody on this machine may use it. ` +
          `Take that away, with: chmod o-rwx '${path}'; and replace what others may have seen.`,
      )
    }
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new UserError(`${path} cannot be read (${why}). Name a file that this user may read.`, {
      cause,
    })
  }
}

/** Windows has no such bits. */
function isForOthers(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o007) !== 0
}

/**
 * A key for datagrams, from the text of its file: 32 bytes or more in hexadecimal digits or base64.
 * Throws UserError.
 */
export function parseKey(text: string, path: string): Uint8Array {
  const trimmed = text.trim()
  const isHex = /^(?:[\da-f]{2})+$/i.test(trimmed)
  const key = isHex ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64')
  const isText = isHex || /^[\w+/-]+={0,2}$/.test(trimmed)
  if (isText && key.byteLength >= MIN_KEY_BYTES) return key
  throw new UserError(
    `${path} holds no key of ${MIN_KEY_BYTES} bytes or more in hexadecimal digits or base64. ` +
      'Make one with: openssl rand -hex 32',
  )
}

/** What @paxos/transport-udp asks for. */
const MIN_KEY_BYTES = 32
