/**
 * One node in a process of its own, seen from the process that started it. It must never outlive
 * its parent: the channel between them ends it.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { UserError } from './fail.ts'
import type { Order, Report } from './report.ts'
import type { NodeArguments, RunningNode } from './run-node.ts'

/** How long a node may take to leave before it is made to, in milliseconds. */
const LEAVE_WITHIN_MS = 3000

/** A node in a process of its own. */
export class NodeProcess implements RunningNode {
  readonly manner = 'with SIGKILL'
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #complaint = ''
  #mayExit = false

  constructor(
    args: NodeArguments,
    onReport: (report: Report) => void,
    onFailure: (error: UserError) => void,
  ) {
    this.#child = fork(fileURLToPath(new URL('./node.js', import.meta.url)), commandLine(args), {
      stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    this.#exited = once(this.#child, 'exit')
    // Not as an argument: the system limits those to less than a frame holds. A child that has
    // ended before it has read the value says why by itself.
    this.#child.stdin?.on('error', () => undefined)
    this.#child.stdin?.end(`${args.propose ?? ''}\n`)
    this.#child.stderr?.setEncoding('utf8')
    this.#child.stderr?.on('data', (text: string) => {
      this.#complaint += text
    })
    this.#child.on('message', (report: Report) => onReport(report))
    this.#child.on('error', (error) => onFailure(new UserError(error.message)))
    this.#child.on('close', () => {
      if (!this.#mayExit) onFailure(new UserError(this.#complaint.trim() || 'It ended by itself.'))
    })
  }

  order(order: Order): void {
    // A node that has gone needs no orders; its exit is noticed elsewhere.
    if (this.#child.connected) this.#child.send(order, () => undefined)
  }

  async kill(): Promise<void> {
    this.#mayExit = true
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Asks the process to end; kills it if it does not. */
  async leave(): Promise<void> {
    this.#mayExit = true
    this.order({ type: 'leave' })
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_WITHIN_MS)
    await this.#exited
    clearTimeout(timer)
  }
}

function commandLine({ id, members, durability, propose, loss, hold }: NodeArguments): string[] {
  return [
    `--id=${id}`,
    ...Object.entries(members).map(([member, address]) => `--member=${member}=${address}`),
    `--durability=${durability}`,
    `--loss=${loss}`,
    ...(propose === undefined ? [] : ['--propose=-']),
    ...(hold ? ['--hold'] : []),
  ]
}
