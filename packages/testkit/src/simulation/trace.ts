/**
 * What happened in a run, in order: kept for the end of it when something went wrong, and written
 * out line by line for who compares two runs. Must hold no more than its last lines.
 */
import type { NodeId } from '@paxos/core'
import type { MultiPaxosMessage } from '@paxos/core/multi'

/** How many happenings are kept for the diagram. */
const KEPT = 60

export type Happening =
  | {
      readonly type: 'sent' | 'received'
      readonly from: NodeId
      readonly to: NodeId
      readonly message: MultiPaxosMessage
    }
  /** Something in one node, or with `null` in the world. */
  | { readonly type: 'note'; readonly at: NodeId | null; readonly text: string }

type Timed = Happening & { readonly atMs: number }

export class Trace {
  readonly #nowMs: () => number
  readonly #onLine: ((line: string) => void) | null
  #last: Timed[] = []

  constructor(nowMs: () => number, onLine: ((line: string) => void) | null) {
    this.#nowMs = nowMs
    this.#onLine = onLine
  }

  add(happening: Happening): void {
    const timed = { ...happening, atMs: this.#nowMs() }
    this.#onLine?.(lineOf(timed))
    this.#last.push(timed)
    if (this.#last.length > 2 * KEPT) this.#last = this.#last.slice(-KEPT)
  }

  /** The last happenings as a sequence diagram, in Mermaid's words. */
  diagram(nodes: readonly NodeId[]): string {
    const lines = this.#last.slice(-KEPT).flatMap((happening) => {
      if (happening.type === 'sent') return []
      if (happening.type === 'note') {
        const over = happening.at ?? nodes.join(',')
        return [`  note over ${over}: ${stamp(happening.atMs)} ${happening.text}`]
      }
      const { from, to, message, atMs } = happening
      return [`  ${from}->>${to}: ${stamp(atMs)} ${wordsOf(message)}`]
    })
    return ['sequenceDiagram', ...nodes.map((id) => `  participant ${id}`), ...lines].join('\n')
  }
}

function lineOf(happening: Timed): string {
  if (happening.type === 'note') {
    return `${stamp(happening.atMs)} ${happening.at ?? '-'} ${happening.text}`
  }
  const { type, from, to, message, atMs } = happening
  const arrow = type === 'sent' ? '~>' : '->'
  return `${stamp(atMs)} ${from} ${arrow} ${to} ${wordsOf(message)}`
}

function stamp(atMs: number): string {
  return `${atMs.toFixed(2)} ms`
}

/** A message in a few words: bytes and lists by their lengths. */
function wordsOf(message: MultiPaxosMessage): string {
  const { type, ...rest } = message
  return [type, ...Object.entries(rest).map(([name, value]) => `${name} ${shown(value)}`)].join(' ')
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`
  if (Array.isArray(value)) return `${value.length} of them`
  if (value !== null && typeof value === 'object' && 'round' in value && 'node' in value) {
    return `${String(value.round)}.${String(value.node)}`
  }
  return String(value)
}
