/**
 * Reads what is typed on the command line: every value is checked here, and refused with a sentence
 * that says what would do.
 */
import { InvalidArgumentError } from 'commander'

/** The share of frames that is lost, from 0 to 0.9: above that, the demonstration takes for ever. */
export function parseLoss(text: string): number {
  const loss = Number(text)
  if (text.trim() !== '' && loss >= 0 && loss <= 0.9) return loss
  throw new InvalidArgumentError('Give a number from 0 to 0.9.')
}

/** How many nodes: from 3, fewer survive nothing, to 9, more fill the screen. */
export function parseNodes(text: string): number {
  const nodes = Number(text)
  if (Number.isInteger(nodes) && nodes >= 3 && nodes <= 9) return nodes
  throw new InvalidArgumentError('Give a whole number from 3 to 9.')
}

/** The first of the ports to listen on. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1024 && port <= 65_000) return port
  throw new InvalidArgumentError('Give a whole number from 1024 to 65000.')
}

/** Adds `id=address` to the members that were named before it. */
export function parseMember(
  text: string,
  members: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 0) throw new InvalidArgumentError('Write id=address, as in a=udp://127.0.0.1:7000.')
  return { ...members, [text.slice(0, at)]: text.slice(at + 1) }
}
