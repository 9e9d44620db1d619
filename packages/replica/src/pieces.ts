/**
 * A state as a stream of pieces: what an application gives in pieces of any size, cut and joined to
 * pieces that suit a disk, and read back. Between two pieces the event loop is free. Must never hold
 * more than one piece of a state, nor one that its owner may still change.
 */
import { CorruptionError, InvalidArgumentError } from '@paxos/core'
import { isBytes } from './codec.ts'
import { STATE_PIECE_BYTES } from './limits.ts'

/** Pieces of one state, in order. A piece is not changed before the next one is asked for. */
export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** Lets everything else have its turn. */
export type Pause = () => Promise<void>

/** Before a node speaks with anybody there is nobody to let go first. */
export const AT_ONCE: Pause = () => Promise.resolve()

/** Bytes that are somewhere else, to be read in pieces, and more than once. */
export interface Source {
  readonly byteLength: number
  /** Those from `offset` on, as many as `maxBytes`; fewer only at the end. */
  read(offset: number, maxBytes: number): Promise<Uint8Array>
}

/** Bytes in memory. */
export function sourceOf(bytes: Uint8Array): Source {
  return {
    byteLength: bytes.byteLength,
    read: (offset, maxBytes) => Promise.resolve(bytes.subarray(offset, offset + maxBytes)),
  }
}

/** Pieces in memory: all of `pieces`, which nobody changes. */
export function sourceOfAll(pieces: readonly Uint8Array[]): Source {
  const byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  return {
    byteLength,
    read(offset, maxBytes) {
      const read = new Uint8Array(Math.max(0, Math.min(maxBytes, byteLength - offset)))
      let start = 0
      for (const piece of pieces) {
        const part = piece.subarray(
          Math.max(0, offset - start),
          Math.max(0, offset + read.byteLength - start),
        )
        if (part.byteLength > 0) read.set(part, Math.max(0, start - offset))
        start += piece.byteLength
      }
      return Promise.resolve(read)
    },
  }
}

/** What is in `source` behind its first `offset` bytes. */
export function behind(source: Source, offset: number): Source {
  return {
    byteLength: source.byteLength - offset,
    read: (from, maxBytes) => source.read(offset + from, maxBytes),
  }
}

/** The pieces of `source`, each a copy of its own. */
export async function* piecesOf(source: Source, pause: Pause): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < source.byteLength;) {
    const piece = await source.read(offset, STATE_PIECE_BYTES)
    if (piece.byteLength === 0) {
      throw new CorruptionError(
        `A snapshot of ${source.byteLength} bytes ends after ${offset}. Bring the disk back as it ` +
          'was, or begin this node anew with replaceMember().',
      )
    }
    offset += piece.byteLength
    yield new Uint8Array(piece)
    await pause()
  }
}

/** What an application's iterable has begun to give: its first piece is on its way. */
export interface Begun {
  /** All of it. `pause` is called between two pieces. */
  pieces(pause: Pause): AsyncGenerator<Uint8Array>
  /** No more of it is wanted. */
  end(): Promise<void>
}

/** Begins to read `given` at once: what a generator does before its first piece it does now. */
export function begin(given: unknown): Begun {
  const iterator = isBytes(given) ? [given].values() : iteratorOf(given)
  const first = iterator.next()
  // Who ends it without reading it does not ask why it failed.
  Promise.resolve(first).catch(() => undefined)
  return {
    async *pieces(pause) {
      for (let next = await first; next.done !== true; next = await iterator.next()) {
        const { value } = next
        if (!isBytes(value)) {
          throw new InvalidArgumentError(
            'snapshot() gave a piece that is no bytes. Have it give each as a Uint8Array.',
          )
        }
        yield value
        await pause()
      }
    },
    async end() {
      await iterator.return?.()
    },
  }
}

type SomeIterator = Iterator<unknown, unknown> | AsyncIterator<unknown, unknown>

function iteratorOf(given: unknown): SomeIterator {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is looked up may be anything, and is called only where it is a function
  const iterable = given as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined
  const made = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.()
  if (made !== undefined && typeof given !== 'string') return made
  throw new InvalidArgumentError(
    'snapshot() returned no pieces. Have it return an iterable of Uint8Array, such as a generator makes.',
  )
}

/**
 * `pieces`, the small ones joined and the large ones cut: each of STATE_PIECE_BYTES but the last. A
 * piece is the caller's until the next one is asked for.
 */
export async function* evenly(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const gathered = new Uint8Array(STATE_PIECE_BYTES)
  let filled = 0
  for await (const piece of pieces) {
    for (let offset = 0; offset < piece.byteLength;) {
      const part = piece.subarray(offset, offset + STATE_PIECE_BYTES - filled)
      gathered.set(part, filled)
      filled += part.byteLength
      offset += part.byteLength
      if (filled < STATE_PIECE_BYTES) continue
      yield gathered
      filled = 0
    }
  }
  if (filled > 0) yield gathered.subarray(0, filled)
}
