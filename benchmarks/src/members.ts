/**
 * Three processes on this machine: starts them, tells them what to do, and clears up. Must never leave
 * a process or a file behind.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { closedOnInterrupt } from './interrupt.ts'
import type { Order, Report } from './member.ts'
import { COMMAND_BYTES } from './pipeline.ts'
import type { PipelineOptions } from './pipeline.ts'

export const IDS = ['a', 'b', 'c'] as const

export type Id = (typeof IDS)[number]

const SCRIPT = fileURLToPath(new URL('./member.js', import.meta.url))

/** What the processes run. */
export interface MembersOptions {
  readonly kind: 'paxos' | 'bare'
  readonly transport: string
  /** The adapter: file or sqlite. Default: file. */
  readonly durability?: string
  /** How large each command is. Default: COMMAND_BYTES. */
  readonly commandBytes?: number
  /** The built member.js of another checkout, which is run in the place of this one's. */
  readonly script?: string
  /** Where the files are written, in a directory of their own. */
  readonly directory: string
  /** What the state machine holds from the start, in bytes. */
  readonly stateBytes?: number
  /** Whether it gives and takes its state in pieces. Default: whole. */
  readonly inPieces?: boolean
  /** After how much of the log there is a snapshot. Default: that of Replica. */
  readonly snapshotEveryBytes?: number
  /** Whether nodes vote before all others have come. Default: false. */
  readonly trustEmptyDisk?: boolean
  /** Whether leaders have a lease. Default: false. */
  readonly hasLease?: boolean
}

export interface Members {
  start(id: Id): Promise<void>
  kill(id: Id): Promise<void>
  /** Asks it to end, and resolves when it has. */
  leave(id: Id): Promise<void>
  order(id: Id, order: Order): void
  /** The next report of that type, of one process or of whichever is first. */
  next<Type extends Report['type']>(
    type: Type,
    id?: Id,
  ): Promise<Extract<Report, { type: Type }> & { readonly id: Id }>
  close(): Promise<void>
}

/** No process runs yet. */
export async function members(options: MembersOptions): Promise<Members> {
  const children = new Map<Id, ChildProcess>()
  const over = new AbortController()
  // In one turn with the promise to remove it.
  const directory = mkdtempSync(join(options.directory, 'paxos-bench-'))
  const close = closedOnInterrupt(removeAll)
  const ports = await freePorts(IDS.length)
  const addresses = Object.fromEntries(
    IDS.map((id, index) => [id, `${options.transport}://127.0.0.1:${ports[index]}`]),
  )
  const waiting = new Set<(id: Id, report: Report) => void>()
  /** Rejects, so that whoever waits clears up, when a process ends by itself. */
  const failed = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => reject(over.signal.reason))
  })
  failed.catch(() => undefined)

  async function end(id: Id, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = children.get(id)
    children.delete(id)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  const kill = (id: Id): Promise<void> => end(id, 'SIGKILL')

  function next<Type extends Report['type']>(type: Type, id?: Id) {
    const reported = new Promise<Extract<Report, { type: Type }> & { readonly id: Id }>(
      (resolve) => {
        const take = (from: Id, report: Report): void => {
          if (!isOfType(report, type) || (id !== undefined && from !== id)) return
          waiting.delete(take)
          resolve({ ...report, id: from })
        }
        waiting.add(take)
      },
    )
    const told = Promise.race([reported, failed])
    // Not everybody waits for it already when a process fails.
    told.catch(() => undefined)
    return told
  }

  /** Nobody is started any more, and who waits hears of it. */
  async function removeAll(): Promise<void> {
    over.abort(new Error('It is over.'))
    await Promise.all(IDS.map(kill))
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }

  return {
    async start(id) {
      over.signal.throwIfAborted()
      const child = fork(options.script ?? SCRIPT)
      children.set(id, child)
      child.on('message', (report: Report) => {
        for (const take of waiting) take(id, report)
      })
      child.on('exit', (code) => {
        if (children.get(id) !== child) return
        over.abort(new Error(`The process of ${id} ended with ${code}. See what it said above.`))
      })
      const opened = next('opened', id)
      const { kind, durability = 'file', commandBytes = COMMAND_BYTES } = options
      const { stateBytes = 0, inPieces = false, snapshotEveryBytes } = options
      const { trustEmptyDisk = false, hasLease = false } = options
      const pipeline: PipelineOptions = {
        id,
        members: addresses,
        directory,
        durability,
        commandBytes,
        stateBytes,
        inPieces,
        ...(snapshotEveryBytes !== undefined && { snapshotEveryBytes }),
        trustEmptyDisk,
        hasLease,
      }
      child.send({ type: 'open', kind, options: pipeline } satisfies Order)
      await opened
    },
    kill,
    leave: (id) => end(id, 'SIGTERM'),
    order(id, order) {
      children.get(id)?.send(order)
    },
    next,
    close,
  }
}

function isOfType<Type extends Report['type']>(
  report: Report,
  type: Type,
): report is Extract<Report, { type: Type }> {
  return report.type === type
}

/** Of TCP, on loopback, that nobody uses at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
