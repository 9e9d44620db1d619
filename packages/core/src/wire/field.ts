/**
 * What a field may hold: its form on the wire, its proto3 default, and its range. Both directions
 * of a rule stand side by side: must never let one out that it would not let in.
 */
import { InvalidArgumentError } from '../errors.ts'
import { MAX_ID_BYTES, MAX_ROUND } from '../limits.ts'
import { malformed, Reader } from './reader.ts'
import { decodeUtf8, encodeUtf8 } from './utf8.ts'
import type { Writer } from './writer.ts'

/** How one kind of field is written and read. */
export interface Field<T> {
  /** Leaves the field out where `value` is the proto3 default. */
  write(writer: Writer, number: number, value: T): void
  /** Starts to collect the occurrences of the field in one message. */
  collect(): Collector<T>
}

/** A field may come any number of times: the last scalar wins, sub-messages are merged. */
export interface Collector<T> {
  read(reader: Reader): void
  /** What the occurrences, or the lack of any, mean. `name` is for the error. */
  finish(name: string): T
}

/** The fields of a message of type T and their numbers, in ascending order. */
export type Fields<T> = {
  readonly [Name in keyof T]: readonly [number: number, field: Field<T[Name]>]
}

/** No field on the wire has this number. */
export const NOT_SENT = 0

/** What the field number of the whole message says: it takes no bytes, and stands at NOT_SENT. */
export function implied<const T>(value: T): Field<T> {
  return { write() {}, collect: () => ({ read() {}, finish: () => value }) }
}

/** A positive safe integer. There is no round 0, so that an absent one is noticed. */
export const round = scalar<number>(
  (writer, number, value) => {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InvalidArgumentError(`A round is an integer from 1 to ${MAX_ROUND}. Correct it.`)
    }
    writer.varint(number, value)
  },
  0,
  (reader) => reader.varint(),
  (value, name) => {
    if (value === 0) throw malformed(`${name} is 0 or absent`)
    return value
  },
)

/** Any text of at most MAX_ID_BYTES; absent when empty. */
export const id = scalar<string>(writeId, '', readId)

/** An id that is not 'all', which addresses every node and names none. */
export const nodeId = scalar<string>(
  (writer, number, value) => {
    if (value === 'all') {
      throw new InvalidArgumentError("'all' addresses every node. Give the node another id.")
    }
    writeId(writer, number, value)
  },
  '',
  readId,
  (value, name) => {
    if (value === 'all') throw malformed(`${name} is 'all'`)
    return value
  },
)

/** A value. What is read is a copy: a small value must not keep a frame of a megabyte alive. */
export const bytes = scalar<Uint8Array>(
  (writer, number, value) => {
    // By the tag, because bytes of another realm are no instance of this one's class.
    if (Object.prototype.toString.call(value) !== '[object Uint8Array]') {
      throw new InvalidArgumentError('A value on the wire is bytes. Encode it to a Uint8Array.')
    }
    if (value.length > 0) writer.bytes(number, value)
  },
  new Uint8Array(),
  (reader) => reader.bytes(),
  (view) => view.slice(),
)

/** False when absent. */
export const flag = scalar<boolean>(
  (writer, number, value) => {
    if (value) writer.varint(number, 1)
  },
  false,
  (reader) => reader.varint() !== 0,
)

/** A sub-message that must be there. `fields` stand in ascending order of their numbers. */
export function message<T extends object>(fields: Fields<T>): Field<T> {
  const names: (keyof T & string)[] = []
  for (const name in fields) names.push(name)
  const descending = names.toReversed()
  const collectParts = () =>
    names.map((name) => {
      const [number, field] = fields[name]
      return { name, number, collector: field.collect() }
    })
  return {
    write(writer, ownNumber, value) {
      writer.message(ownNumber, () => {
        for (const name of descending) {
          const [number, field] = fields[name]
          field.write(writer, number, value[name])
        }
      })
    },
    collect() {
      let parts: ReturnType<typeof collectParts> | null = null
      return {
        read(reader) {
          parts ??= collectParts()
          const content = new Reader(reader.bytes())
          for (let next = content.nextField(); next > 0; next = content.nextField()) {
            const part = parts.find(({ number }) => number === next)
            if (part === undefined) content.skip()
            else part.collector.read(content)
          }
        },
        finish(ownName) {
          if (parts === null) throw malformed(`${ownName} is absent`)
          const found = parts.map(({ name, collector }) => [name, collector.finish(name)] as const)
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name of T is there, with what the field of that name collected
          return Object.fromEntries(found) as T
        },
      }
    },
  }
}

/** A sub-message whose absence is `null`. Present without content is something else. */
export function optional<T extends object>(field: Field<T>): Field<T | null> {
  return {
    write(writer, number, value) {
      if (value !== null) field.write(writer, number, value)
    },
    collect() {
      let collector: Collector<T> | null = null
      return {
        read(reader) {
          collector ??= field.collect()
          collector.read(reader)
        },
        finish: (name) => collector?.finish(name) ?? null,
      }
    },
  }
}

/** A field of which the last occurrence wins, and `initial` counts when there is none. */
function scalar<T>(
  write: Field<T>['write'],
  initial: T,
  read: (reader: Reader) => T,
  check = (value: T, _name: string): T => value,
): Field<T> {
  return {
    write,
    collect() {
      let value = initial
      return {
        read(reader) {
          value = read(reader)
        },
        finish: (name) => check(value, name),
      }
    },
  }
}

function writeId(writer: Writer, number: number, value: string): void {
  // No text has fewer bytes than UTF-16 units: do not encode a novel to see that it is too long.
  const utf8 = value.length > MAX_ID_BYTES ? null : encodeUtf8(value)
  if (utf8 === null || utf8.length > MAX_ID_BYTES) {
    throw new InvalidArgumentError(`An id has at most ${MAX_ID_BYTES} bytes. Shorten it.`)
  }
  if (utf8.length > 0) writer.bytes(number, utf8)
}

function readId(reader: Reader): string {
  const utf8 = reader.bytes()
  if (utf8.length > MAX_ID_BYTES) throw malformed(`an id has more than ${MAX_ID_BYTES} bytes`)
  return decodeUtf8(utf8)
}
