/**
 * Three servers on this machine, each in a process of its own, that can be killed and started again.
 * Every process that it started is gone when leave() resolves.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from './client.ts'
import { UserError } from './fail.ts'
import { freePorts } from './ports.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerArguments } from './server-process.ts'

export const TRANSPORTS = ['udp', 'ws', 'grpc'] as const
/** Memory is none of them: a node that was killed could not come back. */
export const DURABILITIES = ['file', 'sqlite'] as const

export type TransportScheme = (typeof TRANSPORTS)[number]
export type DurabilityScheme = (typeof DURABILITIES)[number]

const IDS = ['a', 'b', 'c'] as const
export type Id = (typeof IDS)[number]

/** Short, because everything is on one machine; yet a busy one may keep a process waiting. */
const PERIODS = { heartbeatPeriodMs: 50, livenessWindowMs: 400 }

export interface ClusterOptions {
  readonly transport: TransportScheme
  readonly durability: DurabilityScheme
  /** Where the nodes keep their state. */
  readonly directory: string
  /** Told of a server that ended without having been asked to. */
  readonly onFailure: (error: UserError) => void
}

/** Three servers. */
export class Cluster {
  readonly ids: readonly Id[] = IDS
  readonly #args: ReadonlyMap<Id, ServerArguments>
  readonly #onFailure: (error: UserError) => void
  readonly #running = new Map<Id, ServerProcess>()

  /** Chooses free ports, and starts nothing. */
  static async prepare(options: ClusterOptions): Promise<Cluster> {
    await makeDirectory(options.directory)
    const args = await serverArguments(options)
    return new Cluster(args, options.onFailure)
  }

  private constructor(
    args: ReadonlyMap<Id, ServerArguments>,
    onFailure: (error: UserError) => void,
  ) {
    this.#args = args
    this.#onFailure = onFailure
  }

  /** Where each serves its clients. */
  get urls(): readonly string[] {
    return IDS.map((id) => this.url(id))
  }

  url(id: Id): string {
    return `http://${this.#args.get(id)?.http ?? ''}`
  }

  /** Starts some, or all. Resolves when they serve. */
  async start(...ids: readonly Id[]): Promise<void> {
    const started = (ids.length === 0 ? IDS : ids).map((id) => {
      const args = this.#args.get(id)
      if (args === undefined || this.#running.has(id)) throw new TypeError(`${id} runs already.`)
      const server = new ServerProcess(args, this.#onFailure)
      this.#running.set(id, server)
      return server.ready
    })
    await Promise.all(started)
  }

  /** With SIGKILL, in the middle of whatever they do, all at once. */
  async kill(...ids: readonly Id[]): Promise<void> {
    const victims = ids.flatMap((id) => this.#running.get(id) ?? [])
    for (const id of ids) this.#running.delete(id)
    await Promise.all(victims.map((victim) => victim.kill()))
  }

  /** Stops a process where it is, until thaw(). */
  freeze(id: Id): void {
    this.#running.get(id)?.signal('SIGSTOP')
  }

  thaw(id: Id): void {
    this.#running.get(id)?.signal('SIGCONT')
  }

  /** The node that leads, as a node that answers says; waits until there is one. */
  async leader(signal?: AbortSignal): Promise<Id> {
    const client = connect({ nodes: this.urls })
    const call = signal === undefined ? {} : { signal }
    for (;;) {
      // A linearizable read is answered when there is a leader.
      await client.digest(call)
      const { leader } = await client.status(call)
      const id = IDS.find((known) => known === leader)
      if (id !== undefined) return id
    }
  }

  /** Ends all that run. */
  async leave(): Promise<void> {
    const servers = [...this.#running.values()]
    this.#running.clear()
    await Promise.all(servers.map((server) => server.leave()))
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new UserError(`The directory ${path} cannot be made (${why}). Choose another one.`, {
      cause,
    })
  }
}

async function serverArguments({
  transport,
  durability,
  directory,
}: ClusterOptions): Promise<ReadonlyMap<Id, ServerArguments>> {
  const count = IDS.length
  // All ports of one protocol at once, or the system might hand out the same one again.
  const tcp = await freePorts(transport === 'udp' ? count : 2 * count, 'tcp')
  const peerPorts = transport === 'udp' ? await freePorts(count, 'udp') : tcp.slice(count)
  const members = Object.fromEntries(
    IDS.map((id, index) => [id, `${transport}://127.0.0.1:${peerPorts[index]}`]),
  )
  return new Map(
    IDS.map((id, index) => {
      const http = `127.0.0.1:${tcp[index]}`
      return [id, { id, members, durability: kept(durability, directory, id), http, ...PERIODS }]
    }),
  )
}

function kept(durability: DurabilityScheme, directory: string, id: Id): string {
  return durability === 'file'
    ? `file:${join(directory, id)}`
    : `sqlite:${join(directory, `${id}.db`)}`
}
