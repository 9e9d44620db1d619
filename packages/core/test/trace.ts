/**
 * Prints what happens in a cluster, one line a thing, so that a person can read the protocol
 * happening. It must not change what it prints.
 */
import { formatBallot, type Change, type Event, type Message, type NodeId } from '@paxos/core'

/** The lines so far. */
export class Trace {
  readonly lines: string[] = []

  /** Something that happens to one node. */
  at(node: NodeId, what: string): void {
    this.lines.push(`${node.padEnd(7)}${what}`)
  }

  /** A message arrives, or does not. */
  message(from: NodeId, arrow: '→' | '✗', to: NodeId, message: Message<unknown> | string): void {
    const what = typeof message === 'string' ? message : showMessage(message)
    this.at(`${from} ${arrow} ${to}`, what)
  }

  /** Something that concerns the whole cluster. */
  note(what: string): void {
    this.lines.push(what)
  }

  /** The end of the story, for an error message. */
  last(count: number): string {
    const skipped = Math.max(0, this.lines.length - count)
    const head = skipped === 0 ? [] : [`… ${skipped} lines before`]
    return [...head, ...this.lines.slice(-count)].join('\n')
  }
}

/** A value in a form that tells any two values apart: '', 0, false, null and bytes too. */
export function showValue(value: unknown): string {
  if (value instanceof Uint8Array) return `<${Buffer.from(value).toString('hex')}>`
  return JSON.stringify(value) ?? 'undefined'
}

export function showMessage(message: Message<unknown>): string {
  switch (message.type) {
    case 'prepare':
      return `prepare ${formatBallot(message.ballot)}`
    case 'promise': {
      const { accepted } = message
      const report =
        accepted === null
          ? 'accepted nothing'
          : `accepted ${showValue(accepted.value)} at ${formatBallot(accepted.ballot)}`
      return `promise ${formatBallot(message.ballot)}, ${report}`
    }
    case 'accept':
    case 'accepted':
    case 'chosen':
      return `${message.type} ${formatBallot(message.ballot)} ${showValue(message.value)}`
    case 'nack':
      return `nack ${formatBallot(message.ballot)}, promised ${formatBallot(message.promised)}`
    case 'propose':
      return `propose ${showValue(message.value)}`
    case 'heartbeat':
    case 'proclamation': {
      const chosen = message.chosen ? ', a value is chosen' : ''
      return `${message.type} ${formatBallot(message.ballot)}${chosen}`
    }
    case 'learn':
      return 'learn'
  }
}

export function showChange(change: Change<unknown>): string {
  const parts: string[] = []
  if (change.promised !== undefined) parts.push(`promised ${formatBallot(change.promised)}`)
  for (const { ballot, value } of change.accepted ?? []) {
    parts.push(`accepted ${formatBallot(ballot)} ${showValue(value)}`)
  }
  if (change.chosenThrough !== undefined) parts.push('chosen')
  return parts.join(', ')
}

export function showEvent(event: Event<unknown>): string {
  switch (event.type) {
    case 'leadership-acquired':
      return `leads with ${formatBallot(event.ballot)}`
    case 'leadership-lost':
      return `no longer leads with ${formatBallot(event.ballot)}`
    case 'preempted':
      return `is preempted: ${formatBallot(event.ballot)} is below ${formatBallot(event.promised)}`
    case 'leader-changed':
      return `leader: ${event.leader ?? 'none known'}`
    case 'chosen':
      return `learns ${showValue(event.value)}, chosen at ${formatBallot(event.ballot)}`
    case 'disbelieved':
      return `does not believe ${event.from}: ${event.reason}`
  }
}
