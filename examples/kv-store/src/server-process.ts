/**
 * One server in a process of its own, seen from the process that started it. It must never outlive
 * its parent: the channel between them ends it.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { UserError } from './fail.ts'

/** How long a server may take to leave before it is made to, in milliseconds. */
const LEAVE_WITHIN_MS = 8000

/** How much is kept of what it complains about, in characters: the end of it says why it ended. */
const MAX_COMPLAINT_CHARACTERS = 4096

/** From the sources, too, it is what was built that runs. */
const SCRIPT = fileURLToPath(new URL('../dist/server.js', import.meta.url))

/** What a server is started with. */
export interface ServerArguments {
  readonly id: string
  readonly members: Readonly<Record<string, string>>
  readonly durability: string
  /** `host:port`. */
  readonly http: string
  readonly heartbeatPeriodMs: number
  readonly livenessWindowMs: number
  readonly log: 'warn' | 'error'
  /** Its empty disk is trusted: see --help of the server for what that may cost. */
  readonly isEmptyDiskTrusted: boolean
}

export class ServerProcess {
  /** Resolves when it serves; rejects with a UserError when it ends before. */
  readonly ready: Promise<void>
  /** Resolves with its last words when it has ended, however that came. */
  readonly ended: Promise<UserError>
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #complaint = ''
  #mayExit = false

  /** `onFailure` is called when the server ends without having been asked to. */
  constructor(args: ServerArguments, onFailure: (error: UserError) => void) {
    this.#child = fork(SCRIPT, commandLine(args), {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    })
    this.#exited = once(this.#child, 'exit')
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-MAX_COMPLAINT_CHARACTERS)
    })
    this.ended = new Promise((resolve) => {
      const end = (why: string): void => {
        const error = new UserError(`Node ${args.id}: ${why}`)
        resolve(error)
        // A node that was removed from the cluster was asked to end, and does so with 0.
        if (!this.#mayExit && this.#child.exitCode !== 0) onFailure(error)
      }
      this.#child.on('error', ({ message }) => end(message))
      this.#child.on('close', () => end(reasonIn(this.#complaint) ?? 'It ended by itself.'))
    })
    this.ready = new Promise((resolve, reject) => {
      this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes(' serves ')) resolve()
      })
      void this.ended.then(reject)
    })
    this.ready.catch(() => undefined)
  }

  /** The last of what it has said on standard error. */
  get said(): string {
    return this.#complaint
  }

  /** SIGSTOP freezes it, and SIGCONT lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Ends it in the middle of whatever it does. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#mayExit = true
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Asks it to end; kills it if it does not. */
  async leave(): Promise<void> {
    this.#mayExit = true
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_WITHIN_MS)
    await this.#exited
    clearTimeout(timer)
  }
}

function commandLine(args: ServerArguments): string[] {
  return [
    `--id=${args.id}`,
    ...Object.entries(args.members).map(([id, address]) => `--member=${id}=${address}`),
    `--durability=${args.durability}`,
    `--http=${args.http}`,
    `--heartbeat-period=${args.heartbeatPeriodMs}`,
    `--liveness-window=${args.livenessWindowMs}`,
    `--log=${args.log}`,
    ...(args.isEmptyDiskTrusted ? ['--trust-empty-disk-at-risk-of-lost-writes'] : []),
  ]
}

/** The sentence that a server has left, or the error that it died of. */
function reasonIn(complaint: string): string | undefined {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /^(?:Uncaught )?\w*Error\b/.test(line)) ?? lines.at(-1)
}
