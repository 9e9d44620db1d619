/**
 * What a field may hold: its form on the wire, its proto3 default, and its range. Both directions
 * of a rule stand side by side: must never let one out that it would not let in.
 */
import { InvalidArgumentError } from '../errors.ts'
import { MAX_ID_BYTES } from '../limits.ts'
import { MAX_ADDRESS_BYTES, MAX_REASON_BYTES } from '../multi/limits.ts'
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

/** The fields of a message of type T. Their numbers are 1, 2, 3, … in the order given. */
export type Fields<T> = { readonly [Name in keyof T]-?: Field<T[Name]> }

/** A positive safe integer: there is no round 0 and no slot 0, so that an absent one is noticed. */
export const positive = integer(1)

/** A safe integer that may be 0, which is also what an absent one means. */
export const count = integer(0)

/** As count, where 0 is said by leaving it out: for what an earlier release does not say. */
export const countOrNothing = orNothing(count, 0, (value) => value === 0)

/** Any text of at most MAX_ID_BYTES; absent when empty. */
export const id = text(MAX_ID_BYTES)

/** The same, but never empty: for who says who it is. */
export const nonEmptyId = text(MAX_ID_BYTES, '')

/** Where a node listens; absent when empty. */
export const address = text(MAX_ADDRESS_BYTES)

/** An id that is not 'all', which addresses every node and names none. */
export const nodeId = text(MAX_ID_BYTES, 'all')

/** A value. What is read is a copy: a small value must not keep a frame of a megabyte alive. */
export const bytes: Field<Uint8Array> = scalar<Uint8Array>(
  (writer, number, value) => {
    if (checkedBytes(value).length > 0) writer.bytes(number, value)
  },
  new Uint8Array(),
  (reader) => new Uint8Array(reader.bytes()),
)

/** The same of an id, where the empty one is said by leaving it out. */
export const nameOrNothing = orNothing(id, '', (value) => value === '')

/** The same of a sentence for people, of at most MAX_REASON_BYTES. */
export const sentenceOrNothing = orNothing(text(MAX_REASON_BYTES), '', (value) => value === '')

/** The same of bytes. */
export const bytesOrNothing = orNothing(bytes, new Uint8Array(), ({ length }) => length === 0)

/**
 * A list of at most `max` values, where an empty one takes its place like any other. What is read
 * are views of one copy that holds them and little else: a copy of each would take several times as
 * long.
 */
export function valueList(max: number): Field<readonly Uint8Array[]> {
  return { write: listWriter(element, max), collect: () => new Values(max) }
}

/** False when absent. */
export const flag = scalar<boolean>(
  (writer, number, value) => {
    if (value) writer.varint(number, 1)
  },
  false,
  (reader) => reader.varint() !== 0,
)

/** True, or not there at all: a mark that earlier versions did not know. */
export const mark: Field<true | undefined> = scalar<true | undefined>(
  (writer, number, value) => {
    if (value === true) writer.varint(number, 1)
  },
  undefined,
  (reader) => (reader.varint() !== 0 ? true : undefined),
)

/** A sub-message that must be there. */
export function message<T extends object>(fields: Fields<T>): Field<T> {
  const names: (keyof T & string)[] = []
  for (const name in fields) names.push(name)
  const descending = names.map((name, index) => [name, index + 1] as const).toReversed()
  const collectParts = () => names.map((name) => [name, fields[name].collect()] as const)
  return {
    write(writer, ownNumber, value) {
      writer.message(ownNumber, () => {
        for (const [name, number] of descending) fields[name].write(writer, number, value[name])
      })
    },
    collect() {
      let parts: ReturnType<typeof collectParts> | null = null
      return {
        read(reader) {
          parts ??= collectParts()
          const content = new Reader(reader.bytes())
          for (let next = content.nextField(); next > 0; next = content.nextField()) {
            const part = parts[next - 1]
            if (part === undefined) content.skip()
            else part[1].read(content)
          }
        },
        finish(ownName) {
          if (parts === null) throw malformed(`${ownName} is absent`)
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name of T is there when all fields have given what they collected
          const found = {} as T
          for (const [name, part] of parts) found[name] = part.finish(name)
          return found
        },
      }
    },
  }
}

/** A sub-message whose absence is `null`. Present without content is something else. */
export function optional<T extends object>(field: Field<T>): Field<T | null> {
  return absentAs(field, null)
}

/** The same, where absence is `undefined`: for what an earlier release does not say. */
export function messageOrNothing<T extends object>(field: Field<T>): Field<T | undefined> {
  return absentAs(field, undefined)
}

function absentAs<T extends object, Absent extends null | undefined>(
  field: Field<T>,
  absent: Absent,
): Field<T | Absent> {
  return {
    write(writer, number, value) {
      if (value !== null && value !== undefined) field.write(writer, number, value)
    },
    collect() {
      let collector: Collector<T> | null = null
      return {
        read(reader) {
          collector ??= field.collect()
          collector.read(reader)
        },
        finish: (name) => (collector === null ? absent : collector.finish(name)),
      }
    },
  }
}

/** A list of at most `max`. `item` must write each of them, whatever its value. */
export function repeated<T>(item: Field<T>, max: number): Field<readonly T[]> {
  return {
    write: listWriter(item, max),
    collect() {
      const collectors: Collector<T>[] = []
      return {
        read(reader) {
          if (collectors.length === max) throw tooMany(max)
          const collector = item.collect()
          collector.read(reader)
          collectors.push(collector)
        },
        finish: (name) => collectors.map((collector) => collector.finish(name)),
      }
    },
  }
}

function listWriter<T>(item: Field<T>, max: number): Field<readonly T[]>['write'] {
  return (writer, number, values) => {
    if (values.length > max) {
      throw new InvalidArgumentError(`A list has more than ${max} items. Split it.`)
    }
    for (const value of values.toReversed()) item.write(writer, number, value)
  }
}

function tooMany(max: number): Error {
  return malformed(`a list has more than ${max} items`)
}

/** As `field`, where `nothing` is said by leaving it out, and read as `undefined`. */
function orNothing<T>(
  field: Field<T>,
  nothing: T,
  isNothing: (value: T) => boolean,
): Field<T | undefined> {
  return {
    write: (writer, number, value) => field.write(writer, number, value ?? nothing),
    collect() {
      const collector = field.collect()
      return {
        read: (reader) => collector.read(reader),
        finish(name) {
          const value = collector.finish(name)
          return isNothing(value) ? undefined : value
        },
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
  return { write, collect: () => new Last(initial, read, check) }
}

/** One object for each field of each message that is read: no closures. */
class Last<T> implements Collector<T> {
  #value: T
  readonly #read: (reader: Reader) => T
  readonly #check: (value: T, name: string) => T

  constructor(initial: T, read: (reader: Reader) => T, check: (value: T, name: string) => T) {
    this.#value = initial
    this.#read = read
    this.#check = check
  }

  read(reader: Reader): void {
    this.#value = this.#read(reader)
  }

  finish(name: string): T {
    return this.#check(this.#value, name)
  }
}

/** A safe integer from `least` on; 0 takes no bytes. */
function integer(least: 0 | 1): Field<number> {
  return scalar<number>(
    (writer, number, value) => {
      if (!Number.isSafeInteger(value) || value < least) {
        throw new InvalidArgumentError(
          `${value} is no integer from ${least} to 2^53 - 1. Correct it.`,
        )
      }
      if (value > 0) writer.varint(number, value)
    },
    0,
    (reader) => reader.varint(),
    (value, name) => {
      if (value < least) throw malformed(`${name} is 0 or absent`)
      return value
    },
  )
}

/** Any text but `reserved`, of at most `maxBytes` in UTF-8; absent when empty. */
function text(maxBytes: number, reserved?: string): Field<string> {
  return scalar<string>(
    (writer, number, value) => {
      // No text has fewer bytes than UTF-16 units: do not encode a novel to see it is too long.
      const utf8 = value.length > maxBytes ? null : encodeUtf8(value)
      if (utf8 === null || utf8.length > maxBytes || value === reserved) {
        const forbidden = reserved === undefined ? '' : `'${reserved}' or `
        throw new InvalidArgumentError(
          `A text is ${forbidden}above ${maxBytes} bytes. Choose another.`,
        )
      }
      if (utf8.length > 0) writer.bytes(number, utf8)
    },
    '',
    (reader) => {
      const utf8 = reader.bytes()
      if (utf8.length > maxBytes) throw malformed(`a text has more than ${maxBytes} bytes`)
      return decodeUtf8(utf8)
    },
    (value, name) => {
      if (value === reserved) throw malformed(`${name} is '${value}'`)
      return value
    },
  )
}

/** One of a list of values. */
const element: Field<Uint8Array> = scalar<Uint8Array>(
  (writer, number, value) => {
    writer.bytes(number, checkedBytes(value))
  },
  new Uint8Array(),
  (reader) => reader.bytes(),
)

/** What stands between two values of a list where nobody has put anything there, at most. */
const BETWEEN_BYTES = 8

/** Where values stand, until all of them are known: two numbers for each, and no object. */
class Values implements Collector<readonly Uint8Array[]> {
  readonly #max: number
  /** The start and the end of each, ascending. */
  readonly #bounds: number[] = []
  #memory: ArrayBufferLike | null = null

  constructor(max: number) {
    this.#max = max
  }

  read(reader: Reader): void {
    if (this.#bounds.length === 2 * this.#max) throw tooMany(this.#max)
    this.#memory = reader.memory
    this.#bounds.push(reader.start(), reader.at)
  }

  finish(): readonly Uint8Array[] {
    const bounds = this.#bounds
    if (this.#memory === null) return []
    const first = bounds[0] ?? 0
    let held = 0
    for (let at = 0; at < bounds.length; at += 2) held += (bounds[at + 1] ?? 0) - (bounds[at] ?? 0)
    const length = (bounds.at(-1) ?? 0) - first
    const all = new Uint8Array(this.#memory, first, length)
    const values: Uint8Array[] = []
    // Where there is much between them, that is not kept alive.
    const isDense = length <= held + (bounds.length / 2) * BETWEEN_BYTES
    const together = isDense ? all.slice() : all
    for (let at = 0; at < bounds.length; at += 2) {
      const value = together.subarray((bounds[at] ?? 0) - first, (bounds[at + 1] ?? 0) - first)
      values.push(isDense ? value : value.slice())
    }
    return values
  }
}

function checkedBytes(value: Uint8Array): Uint8Array {
  if (ArrayBuffer.isView(value) && value instanceof Uint8Array) return value
  // By the tag, because bytes of another realm are no instance of this one's class.
  if (Object.prototype.toString.call(value) !== '[object Uint8Array]') {
    throw new InvalidArgumentError('A value on the wire is bytes. Encode it to a Uint8Array.')
  }
  return value
}
