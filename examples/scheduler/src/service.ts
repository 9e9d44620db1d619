/**
 * The three processes of the service, seen from the one that started them: what they report, in the order
 * in which it comes, and what can be done to them. Must never leave a process behind.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from './fail.ts'
import { freePorts } from './ports.ts'
import type { Order, Report } from './report.ts'

export const IDS = ['a', 'b', 'c'] as const

export type Id = (typeof IDS)[number]

/** What one of them has reported. */
export type Heard<Type extends Report['type'] = Report['type']> = { readonly by: Id } & Extract<
  Report,
  { readonly type: Type }
>

export interface ServiceOptions {
  /** What they keep is kept there, each in a folder of its own. */
  readonly directory: string
  readonly ttlMs: number
  readonly checksToken: boolean
  /** Where Redis listens: then it is redlock that says who runs, over these. Default: a log of their own. */
  readonly redisPorts?: readonly number[] | undefined
  /** Nothing is waited for any more when it aborts. Default: never. */
  readonly signal?: AbortSignal | undefined
  /** Told of each report. Default: nobody is. */
  readonly onReport?: ((heard: Heard) => void) | undefined
}

/** From the sources, too, it is what was built that runs. */
const script = (name: string): string =>
  fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url))

/** The job is due every second, so that nobody waits for long. */
const PATTERN = '* * * * * *'

export class Service implements AsyncDisposable {
  readonly #options: ServiceOptions
  readonly #members: readonly string[]
  readonly #children = new Map<Id, ChildProcess>()
  readonly #heard: Heard[] = []
  readonly #changed = new EventTarget()
  readonly #failed = new AbortController()
  /** Why nothing is waited for any more. */
  readonly #over: AbortSignal

  private constructor(options: ServiceOptions, members: readonly string[]) {
    this.#options = options
    this.#members = members
    const { signal } = options
    const failed = this.#failed.signal
    this.#over = signal === undefined ? failed : AbortSignal.any([failed, signal])
  }

  /** Resolves when all three are ready. */
  static async start(options: ServiceOptions): Promise<Service> {
    const ports = await freePorts(IDS.length)
    const members = IDS.map((id, index) => `--member=${id}=ws://127.0.0.1:${ports[index]}`)
    const service = new Service(options, members)
    try {
      await Promise.all(IDS.map((id) => service.start(id)))
      return service
    } catch (error) {
      await service[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Starts the one that was killed, with what it had kept. Resolves when it is ready. */
  async start(id: Id): Promise<void> {
    const from = this.position
    const [program, args] = this.#commandOf(id)
    const child = fork(program, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] })
    this.#children.set(id, child)
    let complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text))
    child.on('message', (report: Report) => this.#hear({ by: id, ...report }))
    const fail = (why: string): void => {
      // One that was asked to end is not among them any more.
      if (this.#children.get(id) !== child) return
      this.#failed.abort(new UserError(`Worker ${id}: ${why}`))
    }
    child.on('error', ({ message }) => fail(message))
    child.on('close', () => fail(complaint.trim() || 'It ended by itself.'))
    await this.heard('ready', (ready) => ready.by === id, from)
  }

  /** The database that they write to. */
  get table(): string {
    return join(this.#options.directory, 'reports.db')
  }

  /** How many reports there were: where heard() can begin. */
  get position(): number {
    return this.#heard.length
  }

  /** Where heard() finds what came after that one. */
  after(heard: Heard): number {
    return this.#heard.indexOf(heard) + 1
  }

  /** Everything that was reported, in order. */
  get reports(): readonly Heard[] {
    return this.#heard
  }

  /**
   * Resolves with the first report of that type, or one of those, from a position on, that is what is looked for, once it
   * is there. Rejects when a worker ends that nobody has ended, and with the reason of the signal.
   */
  async heard<Type extends Report['type']>(
    types: Type | readonly Type[],
    isIt: (heard: Heard<Type>) => boolean = () => true,
    from = 0,
  ): Promise<Heard<Type>> {
    const signal = this.#over
    for (let position = from; ; position += 1) {
      while (position >= this.#heard.length) {
        signal.throwIfAborted()
        await once(this.#changed, 'heard', { signal }).catch(() => signal.throwIfAborted())
      }
      const heard = this.#heard[position]
      if (heard !== undefined && isOf(types, heard) && isIt(heard)) return heard
    }
  }

  /** It is told when it runs; one that is frozen finds it when it is thawed. */
  order(id: Id, order: Order): void {
    const child = this.#children.get(id)
    if (child?.connected === true) child.send(order, () => undefined)
  }

  /** SIGSTOP freezes it, and SIGCONT thaws it. */
  signal(id: Id, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#children.get(id)?.kill(signal)
  }

  /** Ends it in the middle of whatever it does. Resolves when it is gone. */
  async kill(id: Id): Promise<void> {
    await this.#end(id, 'SIGKILL')
  }

  /** Asks it to end. Resolves with its exit code. */
  async leave(id: Id): Promise<number | null> {
    return await this.#end(id, 'SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(IDS.map((id) => this.kill(id)))
  }

  #commandOf(id: Id): [string, string[]] {
    const { directory, ttlMs, checksToken, redisPorts } = this.#options
    const common = [`--id=${id}`, `--table=${this.table}`, `--ttl=${ttlMs}`]
    if (redisPorts !== undefined) {
      return [script('redlock-worker'), [...common, ...redisPorts.map((port) => `--redis=${port}`)]]
    }
    const own = [`--directory=${join(directory, id)}`, `--pattern=${PATTERN}`, '--wait']
    const fence = checksToken ? [] : ['--no-fence']
    return [script('worker'), [...common, ...this.#members, ...own, ...fence]]
  }

  async #end(id: Id, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#children.get(id)
    if (child === undefined) return null
    this.#children.delete(id)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }

  #hear(heard: Heard): void {
    this.#heard.push(heard)
    this.#options.onReport?.(heard)
    this.#changed.dispatchEvent(new Event('heard'))
  }
}

function isOf<Type extends Report['type']>(
  types: Type | readonly Type[],
  heard: Heard,
): heard is Heard<Type> {
  return [types].flat().some((type) => type === heard.type)
}
