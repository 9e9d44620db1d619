/** Options of callers without types. Must never show what they hold. */
import { InvalidArgumentError } from '@paxos/core'

/**
 * Throws InvalidArgumentError unless `options` is an object with no other names than `known`: what
 * is misspelt would be ignored, and a connection be in the clear.
 */
export function refuseUnknown(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError(`${name} must be an object. Give one, or leave it out.`)
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw new InvalidArgumentError(`Unknown option '${unknown}'. ${name} takes ${known.join(', ')}.`)
}
