/**
 * Arguments as plain JavaScript gives them, where no type has checked them. Must never let a
 * misspelt option pass for one that is absent: it would be as if the default had been asked for.
 */
import { InvalidArgumentError } from './errors.ts'

/** A longer name of an unknown option is not compared with those that are known. */
const MAX_COMPARED_CHARACTERS = 64

/**
 * Throws InvalidArgumentError unless `given` is an object whose own properties are among `known`.
 * `name` is what takes the options, such as 'Replica.open'. What the properties hold is not looked
 * at.
 */
export function requireOptions(name: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const wayOut =
      known.length === 0 ? 'Leave them out.' : `Give an object with ${known.join(', ')}.`
    throw new InvalidArgumentError(`The options of ${name} are ${kindOf(given)}. ${wayOut}`)
  }
  for (const option of Object.keys(given)) {
    if (known.includes(option)) continue
    throw new InvalidArgumentError(
      `Unknown option '${option}' of ${name}. ${insteadOf(option, known)}`,
    )
  }
}

/** Throws InvalidArgumentError unless `value` is text. */
export function requireText(name: string, value: unknown): void {
  if (typeof value === 'string') return
  const wayOut = typeof value === 'number' ? `Write '${value}'.` : 'Give a string.'
  throw new InvalidArgumentError(`${name} is ${kindOf(value)}. ${wayOut}`)
}

/** Throws InvalidArgumentError unless `value` is a function or, where that is allowed, absent. */
export function requireFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw new InvalidArgumentError(`${name} is ${kindOf(value)}. Give a function.`)
}

/**
 * Throws InvalidArgumentError unless `value` has all of `methods`. `example` is what has them, for the
 * way out.
 */
export function requireMethods(
  name: string,
  value: unknown,
  methods: readonly string[],
  example: string,
): void {
  if (typeof value !== 'object' || value === null || 'then' in value) {
    throw new InvalidArgumentError(`${name} is ${kindOf(value)}. ${wayOutOf(value, example)}`)
  }
  const lacking = methods.find((method) => typeof Reflect.get(value, method) !== 'function')
  if (lacking === undefined) return
  throw new InvalidArgumentError(`${name} has no method ${lacking}(). Give ${example}.`)
}

/** What a value is, in words, and nothing of what it holds: 'null', 'a string', 'an array'. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  if ('then' in value) return 'a promise'
  const name = Object.prototype.toString.call(value).slice('[object '.length, -1)
  return name === 'Object' ? 'an object' : `a ${name}`
}

function wayOutOf(value: unknown, example: string): string {
  if (typeof value === 'function') return `Call it, and give what it makes: ${example}.`
  if (kindOf(value) === 'a promise') return 'Await it, and give what it resolves with.'
  return `Give ${example}.`
}

function insteadOf(option: string, known: readonly string[]): string {
  if (known.length === 0) return 'There are none: leave it out.'
  const meant = nearest(option, known)
  return meant === null ? `Use ${known.join(', ')}.` : `Did you mean '${meant}'?`
}

/** The known name that `option` was probably meant to be; `null` when it resembles none. */
function nearest(option: string, known: readonly string[]): string | null {
  if (option.length > MAX_COMPARED_CHARACTERS) return null
  const written = plain(option)
  let best: string | null = null
  let fewest = 1 + Math.max(2, Math.floor(written.length / 3))
  for (const name of known) {
    const other = plain(name)
    const isPart = written.length > 2 && (other.startsWith(written) || written.startsWith(other))
    const edits = isPart ? 1 : editsBetween(written, other)
    // Of two short names every letter may differ.
    if (edits < fewest && edits < Math.min(written.length, other.length)) {
      best = name
      fewest = edits
    }
  }
  return best
}

/** Without what people mix up: capitals, underscores, hyphens. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z\d]/g, '')
}

/** How many letters have to be put in, left out or replaced (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let above = 0; above < a.length; above += 1) {
    const next = [above + 1]
    for (let left = 0; left < b.length; left += 1) {
      const replaced = (row[left] ?? 0) + (a[above] === b[left] ? 0 : 1)
      next.push(Math.min(replaced, (row[left + 1] ?? 0) + 1, (next[left] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
