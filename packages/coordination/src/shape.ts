/**
 * What a value that came from outside must look like: commands of other nodes, and snapshots. A shape
 * returns what it read, of a known type, or throws DecodeError. It must never let a property pass that it
 * does not know: a node that drops one goes another way than one that does not.
 */
import { DecodeError } from '@paxos/core'

/** Half of a surrogate pair, of which UTF-8 knows no bytes. */
const HALF = /\p{Surrogate}/u

export type Shape<T> = (value: unknown) => T

/** What a shape reads. */
export type Read<S> = S extends Shape<infer T> ? T : never

export function text(maxLength: number): Shape<string> {
  return (value) => {
    if (typeof value === 'string' && value.length <= maxLength && !HALF.test(value)) return value
    throw malformed(`text of at most ${maxLength} characters`)
  }
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) {
      return value
    }
    throw malformed(`an integer from ${min} to ${max}`)
  }
}

export function flag(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw malformed('true or false')
}

export function only<const T extends string | number>(...known: readonly T[]): Shape<T> {
  return (value) => {
    const found = known.find((one) => one === value)
    if (found !== undefined) return found
    throw malformed(`one of ${known.join(', ')}`)
  }
}

export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (value) => (value === null ? null : shape(value))
}

export function list<T>(shape: Shape<T>, max: number): Shape<readonly T[]> {
  return (value) => {
    if (Array.isArray(value) && value.length <= max) return value.map((item) => shape(item))
    throw malformed(`a list of at most ${max}`)
  }
}

type Shapes = Readonly<Record<string, Shape<unknown>>>

/** An object with just these properties. */
export function record<S extends Shapes>(
  shapes: S,
): Shape<{ readonly [Name in keyof S]: Read<S[Name]> }> {
  const names = Object.keys(shapes)
  return (value) => {
    if (typeof value !== 'object' || value === null) throw malformed('an object')
    if (Object.keys(value).some((name) => !names.includes(name))) {
      throw malformed(`an object with no more than ${names.join(', ')}`)
    }
    const read = Object.entries(shapes).map(([name, shape]) => [
      name,
      shape(Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined),
    ])
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each property was read by its own shape
    return Object.fromEntries(read) as { readonly [Name in keyof S]: Read<S[Name]> }
  }
}

type Tagged<S extends Readonly<Record<string, Shapes>>> = {
  readonly [Type in keyof S & string]: { readonly type: Type } & {
    readonly [Name in keyof S[Type]]: Read<S[Type][Name]>
  }
}[keyof S & string]

/** One of several objects, as its `type` says. */
export function tagged<const S extends Readonly<Record<string, Shapes>>>(
  kinds: S,
): Shape<Tagged<S>> {
  const shapes = new Map(
    Object.entries(kinds).map(([type, shape]) => [type, record({ type: only(type), ...shape })]),
  )
  return (value) => {
    const type: unknown =
      typeof value === 'object' && value !== null ? Reflect.get(value, 'type') : null
    const shape = typeof type === 'string' ? shapes.get(type) : undefined
    if (shape === undefined) throw malformed(`of a type among ${[...shapes.keys()].join(', ')}`)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- read by the shape of its type
    return shape(value) as Tagged<S>
  }
}

function malformed(expected: string): DecodeError {
  return new DecodeError(
    `What was read is not ${expected}. Run the same version of @paxos/coordination on every node.`,
  )
}
