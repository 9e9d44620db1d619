/**
 * Reports as lines that a person can read: when, who, and what. Colour only on a terminal that
 * wants it (NO_COLOR and pipes are respected). It must never change the order of what happened.
 */
import { formatBallot } from '@paxos/core'
import type { Event, Message } from '@paxos/core'
import { colors } from './colors.ts'
import { nowMs } from './report.ts'
import type { Report } from './report.ts'
import { quote } from './values.ts'

const { bold, cyan, dim, green, magenta, yellow } = colors

/** Values in messages are JSON in UTF-8, as Synod's default codec writes them. */
function formatValue(bytes: Uint8Array): string {
  return quote(JSON.parse(new TextDecoder().decode(bytes)))
}

/** One line of the timeline, without time and node; `null` for what is not worth one. */
export function formatReport(report: Report): string | null {
  switch (report.type) {
    case 'opened':
      return formatOpened(report)
    case 'sent':
      return `${formatMessage(report.message)} ${dim('→')} ${report.to.join(' ')}`
    case 'saved':
      return null
    case 'event':
      return formatEvent(report.event)
    case 'holding':
      return yellow('its acceptance is on disk, and nobody has been told')
    case 'chosen':
      return green(bold(`chosen    ${quote(report.value)}`))
  }
}

function formatOpened({ promised, accepted, isChosen }: Report & { type: 'opened' }): string {
  if (promised === null) return dim('starts; its disk is empty')
  const had = accepted === null ? 'nothing accepted' : `accepted ${formatValue(accepted.value)}`
  const known = isChosen ? ', which was chosen' : ''
  return `starts; on its disk: promised ${formatBallot(promised)}, ${had}${known}`
}

function formatMessage(message: Message<Uint8Array>): string {
  switch (message.type) {
    case 'prepare':
      return `${cyan('prepare  ')} ${formatBallot(message.ballot)}`
    case 'promise': {
      const had = message.accepted
      const tail = had === null ? '' : `, had accepted ${formatValue(had.value)}`
      return `${cyan('promise  ')} ${formatBallot(message.ballot)}${tail}`
    }
    case 'accept':
    case 'accepted': {
      const word = magenta(message.type.padEnd(9))
      return `${word} ${formatBallot(message.ballot)} ${formatValue(message.value)}`
    }
    case 'nack': {
      const { ballot, promised } = message
      return `${yellow('nack     ')} ${formatBallot(ballot)}, promised ${formatBallot(promised)}`
    }
    case 'propose':
      return `propose   ${formatValue(message.value)}`
    case 'chosen':
      return `chosen    ${formatValue(message.value)}`
    case 'heartbeat':
    case 'proclamation':
      return `${message.type} ${formatBallot(message.ballot)}`
    case 'learn':
      return 'learn     what was chosen?'
  }
}

function formatEvent(event: Event<Uint8Array>): string | null {
  switch (event.type) {
    case 'leadership-acquired':
      return `leads     with ballot ${formatBallot(event.ballot)}`
    case 'leadership-lost':
      return `leads no more with ballot ${formatBallot(event.ballot)}`
    case 'preempted':
      return `gives up  ${formatBallot(event.ballot)}, for there is ${formatBallot(event.promised)}`
    case 'disbelieved':
      return `ignores   ${event.from}: no honest node would say that (${event.reason})`
    case 'leader-changed':
    case 'chosen':
      return null
  }
}

/** A whole line: milliseconds since `startedAtMs`, the node, and what happened. */
function formatLine(startedAtMs: number, atMs: number, id: string, text: string): string {
  const elapsed = `${Math.max(0, Math.round(atMs - startedAtMs))} ms`.padStart(9)
  return `${dim(elapsed)}  ${bold(id)}  ${text}`
}

/** Prints the reports of one node as they come. */
export function printer(id: string): (report: Report) => void {
  let startedAtMs: number | null = null
  return (report) => {
    startedAtMs ??= report.atMs
    const text = formatReport(report)
    if (text !== null) process.stdout.write(`${formatLine(startedAtMs, report.atMs, id, text)}\n`)
  }
}

/**
 * How long a line is held back, so that reports of other processes which happened before it can
 * still arrive and be printed before it.
 */
const HELD_BACK_MS = 60

/** Prints what several processes report, in the order in which it happened. */
export class Timeline {
  readonly #startedAtMs = nowMs()
  readonly #print: (line: string) => void
  readonly #timer: NodeJS.Timeout
  #waiting: { readonly atMs: number; readonly line: string }[] = []

  constructor(print: (line: string) => void) {
    this.#print = print
    this.#timer = setInterval(() => this.#printUntil(nowMs() - HELD_BACK_MS), HELD_BACK_MS / 2)
  }

  add(id: string, atMs: number, text: string): void {
    this.#waiting.push({ atMs, line: formatLine(this.#startedAtMs, atMs, id, text) })
  }

  /** Prints what is still held back, and ends. May be called again. */
  close(): void {
    clearInterval(this.#timer)
    this.#printUntil(Infinity)
  }

  #printUntil(untilMs: number): void {
    const due = this.#waiting.filter(({ atMs }) => atMs <= untilMs)
    this.#waiting = this.#waiting.filter(({ atMs }) => atMs > untilMs)
    for (const { line } of due.toSorted((a, b) => a.atMs - b.atMs)) this.#print(line)
  }
}
