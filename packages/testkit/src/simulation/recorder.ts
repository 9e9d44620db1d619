/**
 * Remembers the last things that happened, for a diagram, and on request writes down all of them. What
 * it writes follows from the run alone: two runs of one plan give the same bytes.
 */
import { formatBallot } from '@paxos/core'
import type { Ballot, NodeId } from '@paxos/core'
import { decode } from '@paxos/core/wire'

/** A frame that arrived or did not, or something that was done to a node or by it. */
export type Happening =
  | {
      readonly type: 'frame'
      readonly atMs: number
      readonly from: NodeId
      readonly to: NodeId
      readonly frame: Uint8Array
      readonly outcome: string
    }
  | {
      readonly type: 'note'
      readonly atMs: number
      readonly node: NodeId | null
      readonly text: string
    }

/** So many of the last happenings are kept: about two rounds of a busy cluster, and one page. */
const MAX_KEPT = 60

/** What has happened in one run. */
export class Recorder {
  readonly #isTracing: boolean
  readonly #trace: string[] = []
  readonly #last: Happening[] = []
  #count = 0

  constructor(isTracing: boolean) {
    this.#isTracing = isTracing
  }

  add(happening: Happening): void {
    this.#last[this.#count % MAX_KEPT] = happening
    this.#count += 1
    if (this.#isTracing) this.#trace.push(lineOf(happening))
  }

  /** Every happening as one line of text; empty unless tracing was asked for. */
  get trace(): readonly string[] {
    return this.#trace
  }

  /** The last ones, in their order. */
  get last(): readonly Happening[] {
    const start = this.#count % MAX_KEPT
    return this.#count <= MAX_KEPT
      ? [...this.#last]
      : [...this.#last.slice(start), ...this.#last.slice(0, start)]
  }
}

/** The happenings as arrows between columns, one for each node; the latest is last. */
export function sequenceDiagram(nodes: readonly NodeId[], last: readonly Happening[]): string {
  const column = new Map(nodes.map((id, index) => [id, index]))
  const rail = (marks: ReadonlyMap<number, string>): string =>
    nodes.map((_, index) => (marks.get(index) ?? '|').padEnd(COLUMN)).join('')
  const head = `${''.padStart(12)}  ${nodes.map((id) => id.padEnd(COLUMN)).join('')}`
  const lines = last.map((happening) => {
    const time = happening.atMs.toFixed(1).padStart(12)
    if (happening.type === 'note') {
      const mark = new Map(happening.node === null ? [] : [[column.get(happening.node) ?? 0, '*']])
      return `${time}  ${rail(mark)}  ${happening.text}`
    }
    const [from, to] = [column.get(happening.from) ?? 0, column.get(happening.to) ?? 0]
    return `${time}  ${arrow(from, to, nodes.length, happening.outcome)}  ${wordsOf(happening)}`
  })
  return [head, ...lines].join('\n')
}

const COLUMN = 8

function arrow(from: number, to: number, count: number, outcome: string): string {
  const cells = Array.from({ length: count * COLUMN }, (_, index): string =>
    index % COLUMN === 0 ? '|' : ' ',
  )
  const [left, right] = [Math.min(from, to) * COLUMN, Math.max(from, to) * COLUMN]
  for (let index = left + 1; index < right; index += 1) cells[index] = '-'
  const tip = outcome === 'delivered' || outcome === 'duplicated' ? (from < to ? '>' : '<') : 'x'
  cells[from < to ? right - 1 : left + 1] = tip
  return cells.join('')
}

function lineOf(happening: Happening): string {
  const time = happening.atMs.toFixed(3)
  if (happening.type === 'note') return `${time} ${happening.node ?? '-'}: ${happening.text}`
  return `${time} ${happening.from}>${happening.to} ${wordsOf(happening)}`
}

function wordsOf({ frame, outcome }: Extract<Happening, { readonly type: 'frame' }>): string {
  const suffix = outcome === 'delivered' ? '' : ` (${outcome})`
  try {
    return `${messageWords(decode(frame).message)}${suffix}`
  } catch {
    return `${frame.byteLength} bytes that are no message${suffix}`
  }
}

/** Any message in one line: its type, and its fields with long ones as their length. */
function messageWords(message: object): string {
  const fields = Object.entries(message).map(([name, value]: [string, unknown]) => {
    if (name === 'type') return String(value)
    if (isBallot(value)) return `${name}=${formatBallot(value)}`
    if (value instanceof Uint8Array) return `${name}=${value.byteLength} bytes`
    if (Array.isArray(value)) return `${name}=${value.length} of them`
    return `${name}=${String(value)}`
  })
  return fields.join(' ')
}

function isBallot(value: unknown): value is Ballot {
  return typeof value === 'object' && value !== null && 'round' in value && 'node' in value
}
