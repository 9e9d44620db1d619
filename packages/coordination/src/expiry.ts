/**
 * Watches over what may expire: who was not heard for its time to live is told to the log, which decides.
 * Every process that has a Coordination does it for all, so that nothing waits for a process that is gone.
 * It must count from when it has seen a renewal, on its own monotonic clock alone: see holds.ts.
 */
import type { LeaseReport } from './commands.ts'
import type { Context } from './context.ts'
import { isOver } from './errors.ts'

/** How often it looks: so many times in the shortest time to live that there is. */
const LOOKS = 8
const MIN_LOOK_MS = 25
const MAX_LOOK_MS = 1000

/** Proposals of one look; what is left waits for the next one. */
const MAX_AT_ONCE = 100

interface Seen {
  readonly renewed: number
  readonly atMs: number
}

export class Expiry {
  readonly #context: Context
  #seen = new Map<string, Seen>()
  readonly #proposed = new Set<string>()
  readonly #endWatch: () => void
  #cancelLook: (() => void) | null = null
  #isLooking = false
  #isOver = false

  constructor(context: Context) {
    this.#context = context
    // While something may expire it looks anyway.
    this.#endWatch = context.source.watch(() => {
      if (this.#cancelLook === null) void this.#look()
    })
    void this.#look()
  }

  end(): void {
    this.#isOver = true
    this.#endWatch()
    this.#cancelLook?.()
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#isOver) return
    this.#isLooking = true
    try {
      const { leases } = await this.#context.ask({ type: 'leases' }, { consistency: 'local' })
      const ttls = leases.map(({ ttlMs }) => ttlMs)
      this.#note(leases)
      this.#cancelLook?.()
      this.#cancelLook = null
      if (ttls.length > 0 && !this.#isOver) this.#lookLater(ttls.reduce((a, b) => Math.min(a, b)))
    } catch (error) {
      this.#cancelLook?.()
      this.#cancelLook = null
      // A timer would keep the process from ending.
      if (isOver(error)) this.end()
      if (!this.#isOver) this.#lookLater(MAX_LOOK_MS * LOOKS)
    } finally {
      this.#isLooking = false
    }
  }

  #lookLater(ttlMs: number): void {
    const everyMs = Math.min(Math.max(ttlMs / LOOKS, MIN_LOOK_MS), MAX_LOOK_MS)
    // Not all at the same moment: the first one to tell is enough.
    const delayMs = everyMs * (1 + this.#context.random() / 2)
    this.#cancelLook = this.#context.clock.schedule(delayMs, () => {
      this.#cancelLook = null
      void this.#look()
    })
  }

  #note(leases: readonly LeaseReport[]): void {
    const nowMs = this.#context.clock.nowMs()
    const seen = new Map<string, Seen>()
    for (const lease of leases) {
      const key = `${lease.kind}/${lease.id}/${lease.name}`
      const before = this.#seen.get(key)
      const isSame = before !== undefined && before.renewed === lease.renewed
      const { atMs } = isSame ? before : { atMs: nowMs }
      seen.set(key, { renewed: lease.renewed, atMs })
      if (nowMs - atMs > lease.ttlMs) this.#propose(key, lease)
    }
    this.#seen = seen
  }

  #propose(key: string, { kind, name, id, renewed }: LeaseReport): void {
    if (this.#proposed.has(key) || this.#proposed.size >= MAX_AT_ONCE) return
    this.#proposed.add(key)
    const proposed = this.#context.source.propose(
      { type: 'expire', kind, name, id, renewed },
      { evenIfFull: true, signal: this.#context.closed },
    )
    void proposed.then(
      () => this.#proposed.delete(key),
      () => this.#proposed.delete(key),
    )
  }
}
