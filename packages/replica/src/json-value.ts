/**
 * What JSON can carry, and where a value holds something else. JSON.stringify turns a Map into `{}`,
 * NaN into `null` and drops what is undefined, without a word: must never let any of that through.
 * -0 alone is let through, and becomes the 0 that it equals.
 */
import { MAX_JSON_DEPTH } from './limits.ts'

/** What is wrong, and where: '' is the value itself, '["a"][3]' is in it. */
export interface Offence {
  readonly path: string
  readonly what: string
}

/** The first part of `value` that JSON cannot carry; `null` when it can carry everything. */
export function offenceOf(value: unknown): Offence | null {
  return isJson(value, 0) ? null : find(value, [])
}

/** Whether a text of JSON holds lists and objects in one another too deeply to be read safely. */
export function isTooDeep(text: string): boolean {
  // Each level takes a character to open it.
  if (text.length <= MAX_JSON_DEPTH) return false
  let depth = 0
  let isInText = false
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (isInText) {
      if (code === BACKSLASH) at += 1
      else if (code === QUOTE) isInText = false
    } else if (code === QUOTE) isInText = true
    else if (code === OPENING_BRACKET || code === OPENING_BRACE) {
      depth += 1
      if (depth > MAX_JSON_DEPTH) return true
    } else if (code === CLOSING_BRACKET || code === CLOSING_BRACE) depth -= 1
  }
  return false
}

/** Whether a text of JSON may hold a number that is above every double, and is read as Infinity. */
export function mayOverflow(text: string): boolean {
  return /\d[eE]\+?\d{3}|\d{309}/.test(text)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** The fast way, for values that are right: it notes no path. */
function isJson(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return wordFor(value) === null
  if (depth === MAX_JSON_DEPTH || wordFor(value) !== null) return false
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      if (!isJson(value[index], depth + 1)) return false
    }
    return true
  }
  for (const part of Object.values(value)) if (!isJson(part, depth + 1)) return false
  return true
}

/** The slow way, for one that is not. */
function find(value: unknown, ancestors: readonly unknown[]): Offence | null {
  const what = wordFor(value)
  if (what !== null) return { path: '', what }
  if (typeof value !== 'object' || value === null) return null
  if (ancestors.includes(value)) return { path: '', what: 'an object that contains itself' }
  if (ancestors.length === MAX_JSON_DEPTH) {
    return { path: '', what: `more than ${MAX_JSON_DEPTH} objects in one another` }
  }
  for (const [name, part] of Object.entries(value)) {
    const offence = find(part, [...ancestors, value])
    if (offence === null) continue
    const step = Array.isArray(value) ? `[${name}]` : `[${JSON.stringify(name)}]`
    return { ...offence, path: `${step}${offence.path}` }
  }
  return null
}

/** In words, why JSON cannot carry `value` itself; `null` when it can, as far as its parts allow. */
function wordFor(value: unknown): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null
  if (typeof value === 'number') return Number.isFinite(value) ? null : String(value)
  return typeof value === 'object' ? wordForObject(value) : `a value of type ${typeof value}`
}

function wordForObject(value: object): string | null {
  if ('toJSON' in value) return 'an object that says by itself what it is in JSON (toJSON)'
  if (Object.getOwnPropertySymbols(value).length > 0) return 'an object with a symbol as a name'
  if (Array.isArray(value)) {
    const isDense = Object.keys(value).length === value.length && !value.includes(undefined)
    return isDense ? null : 'a list with a hole, with undefined, or with names'
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // By what is above it, because a plain object of another realm has another Object.prototype.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return null
  return `an object of the class ${classOf(value)}`
}

function classOf(value: object): string {
  const { name } = value.constructor ?? {}
  return typeof name === 'string' && name !== '' ? name : 'that has no name'
}
