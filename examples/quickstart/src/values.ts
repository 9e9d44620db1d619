/**
 * The values that are proposed, as they are typed and as they are shown.
 */
import { UserError } from './fail.ts'

/** What is proposed when nothing is typed: a conflict. */
const DEFAULT_VALUES = ['apples', 'bananas', 'cherries']

/** Longer values are cut where they are shown, never where they are agreed on. */
const SHOWN_CHARACTERS = 32

/**
 * What each node proposes: node i the i-th value, if there is one; a single value is proposed by
 * all of them, so that it outlives whoever dies. '-' is read from standard input, without the line
 * break at its end.
 */
export async function proposals(
  typed: readonly string[],
  nodes: number,
): Promise<readonly (string | undefined)[]> {
  if (typed.length > nodes) {
    throw new UserError(
      `${typed.length} values are too many for ${nodes} nodes. Give each node at most one.`,
    )
  }
  const fromInput = typed.includes('-') ? await readInput() : ''
  const values = (typed.length === 0 ? DEFAULT_VALUES : typed).map((value) =>
    value === '-' ? fromInput : value,
  )
  return Array.from({ length: nodes }, (_, node) =>
    values.length === 1 ? values[0] : values[node],
  )
}

/** A value between quotes, cut to what fits on a line. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length <= SHOWN_CHARACTERS
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, SHOWN_CHARACTERS))}… (${text.length} characters)`
}

/** Everything on standard input, without the line break at its end. */
export async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}
