/**
 * Reads what is typed on the command line: every value is checked here, and refused with a sentence
 * that says what would do.
 */
import { InvalidArgumentError } from 'commander'
import type { HttpAddress } from './listen.ts'

/** Adds `id=address` to the members that were named before it. */
export function parseMember(
  text: string,
  members: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 0) throw new InvalidArgumentError('Write id=address, as in a=udp://127.0.0.1:7000.')
  const id = text.slice(0, at)
  if (Object.hasOwn(members, id)) {
    throw new InvalidArgumentError(`'${id}' is named twice. Name each member once.`)
  }
  return { ...members, [id]: text.slice(at + 1) }
}

/** An address to listen on: `host:port`, with an IPv6 host in brackets. */
export function parseHttpAddress(text: string): HttpAddress {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host !== undefined && port <= 65_535) return { host, port }
  throw new InvalidArgumentError('Write host:port, as in 127.0.0.1:8001; port 0 takes a free one.')
}

/** Adds a node to those that were named before it. */
export function parseNode(text: string, nodes: readonly string[] = []): readonly string[] {
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(text)) return [...nodes, text]
  throw new InvalidArgumentError('Write the URL of a node, as in http://127.0.0.1:8001.')
}

/** Adds a text to those that were given before it. */
export function parseMore(text: string, others: readonly string[] = []): readonly string[] {
  return [...others, text]
}

/** A whole number within bounds. */
export function parseWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
  }
}
