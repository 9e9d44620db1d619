/**
 * Servers on this machine, each in a process of its own, that can be killed and started again, and
 * whose disks can be wiped. Every process that it started is gone when leave() resolves.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
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

/** With whom a cluster begins when nobody says. */
const FIRST = ['a', 'b', 'c'] as const

/** Short, because everything is on one machine; yet a busy one may keep a process waiting. */
const PERIODS = { heartbeatPeriodMs: 50, livenessWindowMs: 400 }

/** Where each node listens is kept here: the members are known to each other by their addresses. */
const PLACES_FILE = 'places.json'

export interface ClusterOptions {
  readonly transport: TransportScheme
  readonly durability: DurabilityScheme
  /** Where the nodes keep their state. */
  readonly directory: string
  /** With whom it begins. Default: a, b and c. */
  readonly first?: readonly string[]
  /** Who may join later. Default: nobody. */
  readonly later?: readonly string[]
  /** How often a leader says that it is there, and how long it may be silent, in milliseconds. */
  readonly periods?: { readonly heartbeatPeriodMs: number; readonly livenessWindowMs: number }
  /** What the nodes tell. Default: 'error'. */
  readonly log?: 'warn' | 'error'
  /** Told of a server that ended without having been asked to. */
  readonly onFailure: (error: UserError) => void
}

/** The servers. */
export class Cluster {
  /** With whom it began. */
  readonly ids: readonly string[]
  readonly #args: ReadonlyMap<string, ServerArguments>
  readonly #options: ClusterOptions
  readonly #running = new Map<string, ServerProcess>()

  /** Chooses free ports, those of the last time if it is there already, and starts nothing. */
  static async prepare(options: ClusterOptions): Promise<Cluster> {
    await makeDirectory(options.directory)
    const args = await serverArguments(options)
    return new Cluster(args, options)
  }

  private constructor(args: ReadonlyMap<string, ServerArguments>, options: ClusterOptions) {
    this.#args = args
    this.#options = options
    this.ids = options.first ?? FIRST
  }

  /** Where each of them, and who may join, serves its clients. */
  get urls(): readonly string[] {
    return [...this.#args.keys()].map((id) => this.url(id))
  }

  url(id: string): string {
    return `http://${this.#argsOf(id).http}`
  }

  /** Where it listens for the others. */
  address(id: string): string {
    return this.#argsOf(id).members[id] ?? ''
  }

  /** Starts some, or those with whom it began. Resolves when they serve. */
  async start(...ids: readonly string[]): Promise<void> {
    const started = (ids.length === 0 ? this.ids : ids).map((id) => this.#start(id).ready)
    await Promise.all(started)
  }

  /** Starts one that knows only those, by which it finds the rest. Resolves when it serves. */
  async join(id: string, told: readonly string[]): Promise<void> {
    const members = Object.fromEntries([id, ...told].map((each) => [each, this.address(each)]))
    await this.#start(id, { members }).ready
  }

  /** Starts some whose empty disks are trusted, though not all others are there. */
  async startTrusted(...ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#start(id, { isEmptyDiskTrusted: true }).ready))
  }

  /** The last of what a node has said in its log. */
  said(id: string): string {
    return this.#running.get(id)?.said ?? ''
  }

  /** Starts one that is to end by itself. Resolves with its last words. */
  async refusal(id: string): Promise<string> {
    const server = this.#start(id, {}, () => undefined)
    const { message } = await server.ended
    this.#running.delete(id)
    return message
  }

  /** One that was asked to end, by a change of members. Resolves when it has. */
  async gone(id: string): Promise<void> {
    await this.#running.get(id)?.ended
    this.#running.delete(id)
  }

  /** Asks one to end, as a service manager does. Resolves when it has. */
  async end(id: string): Promise<void> {
    const server = this.#running.get(id)
    this.#running.delete(id)
    await server?.leave()
  }

  /** With SIGKILL, in the middle of whatever they do, all at once. */
  async kill(...ids: readonly string[]): Promise<void> {
    const victims = ids.flatMap((id) => this.#running.get(id) ?? [])
    for (const id of ids) this.#running.delete(id)
    await Promise.all(victims.map((victim) => victim.kill()))
  }

  /** Loses everything that a node has on its disk. It must not run. */
  async wipe(id: string): Promise<void> {
    if (this.#running.has(id)) throw new TypeError(`${id} runs. Kill it first.`)
    const [, path = ''] = this.#argsOf(id).durability.split(/:(.*)/s)
    // SQLite, and the adapter over it, keep files of their own beside the database.
    const beside = await readdir(dirname(path))
    const own = beside.filter((name) => name === basename(path) || isBeside(name, basename(path)))
    for (const name of own) await rm(join(dirname(path), name), { recursive: true, force: true })
  }

  /** Stops a process where it is, until thaw(). */
  freeze(id: string): void {
    this.#running.get(id)?.signal('SIGSTOP')
  }

  thaw(id: string): void {
    this.#running.get(id)?.signal('SIGCONT')
  }

  /** The node that leads, as a node that answers says; waits until there is one. */
  async leader(signal?: AbortSignal): Promise<string> {
    const client = connect({ nodes: this.urls })
    const call = signal === undefined ? {} : { signal }
    for (;;) {
      // A linearizable read is answered when there is a leader.
      await client.digest(call)
      const { leader } = await client.status(call)
      if (leader !== null) return leader
    }
  }

  #start(
    id: string,
    other: Partial<ServerArguments> = {},
    onFailure: (error: UserError) => void = this.#options.onFailure,
  ): ServerProcess {
    if (this.#running.has(id)) throw new TypeError(`${id} runs already.`)
    const server = new ServerProcess({ ...this.#argsOf(id), ...other }, onFailure)
    this.#running.set(id, server)
    return server
  }

  #argsOf(id: string): ServerArguments {
    const args = this.#args.get(id)
    if (args === undefined) throw new TypeError(`There is no ${id}.`)
    return args
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

async function serverArguments(
  options: ClusterOptions,
): Promise<ReadonlyMap<string, ServerArguments>> {
  const { durability, directory, first = FIRST, later = [] } = options
  const { periods = PERIODS, log = 'error' } = options
  const shared = { ...periods, log, isEmptyDiskTrusted: false }
  const places = await placesOf(options, [...first, ...later])
  const begunWith = Object.fromEntries(first.map((id) => [id, places.get(id)?.address ?? '']))
  return new Map(
    [...places].map(([id, { address, http }]) => {
      const members = { ...begunWith, [id]: address }
      return [id, { id, members, durability: kept(durability, directory, id), http, ...shared }]
    }),
  )
}

const placesForm = z.record(z.string(), z.object({ address: z.string(), http: z.string() }))

interface Place {
  /** For the other nodes. */
  readonly address: string
  /** For clients: `host:port`. */
  readonly http: string
}

/** Those of the last time, if it was over the same transport. */
async function placesOf(
  { transport, directory }: ClusterOptions,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Place>> {
  const path = join(directory, PLACES_FILE)
  const before = placesIn(await readFile(path, 'utf8').catch(() => '{}'))
  const isSame = ids.every((id) => before.get(id)?.address.startsWith(`${transport}:`))
  if (isSame) return before
  const count = ids.length
  // All ports of one protocol at once, or the system might hand out the same one again.
  const tcp = await freePorts(transport === 'udp' ? count : 2 * count, 'tcp')
  const peerPorts = transport === 'udp' ? await freePorts(count, 'udp') : tcp.slice(count)
  const places = ids.map((id, index): [string, Place] => {
    const address = `${transport}://127.0.0.1:${peerPorts[index]}`
    return [id, { address, http: `127.0.0.1:${tcp[index]}` }]
  })
  await writeFile(path, JSON.stringify(Object.fromEntries(places)))
  return new Map(places)
}

function placesIn(text: string): ReadonlyMap<string, Place> {
  try {
    return new Map(Object.entries(placesForm.parse(JSON.parse(text))))
  } catch (cause) {
    throw new UserError(`${PLACES_FILE} is not what was written. Choose another directory.`, {
      cause,
    })
  }
}

/** Whether a file is one that belongs to a database of that name: 'a.db-wal' is one of 'a.db'. */
function isBeside(name: string, database: string): boolean {
  return (
    database.endsWith('.db') &&
    /^[-.]/.test(name.slice(database.length)) &&
    name.startsWith(database)
  )
}

function kept(durability: DurabilityScheme, directory: string, id: string): string {
  return durability === 'file'
    ? `file:${join(directory, id)}`
    : `sqlite:${join(directory, `${id}.db`)}`
}
