/**
 * Coordination among the processes of a service, over the replica that they have: this file is what an
 * application sees. What is decided is decided by the log, in machine.ts; here it is asked for.
 */
import { requireFunction, requireMethods, requireOptions } from '@paxos/core'
import type { Clock } from '@paxos/replica'
import { requireInteger, requireName } from './arguments.ts'
import type { HoldOptions } from './arguments.ts'
import { Barrier } from './barrier.ts'
import { platformClock } from './clock.ts'
import { Context } from './context.ts'
import { Counter } from './counter.ts'
import { Election } from './election.ts'
import { CoordinationClosedError } from './errors.ts'
import { Expiry } from './expiry.ts'
import type { Hold } from './hold.ts'
import { MAX_PERMITS } from './limits.ts'
import { SharedMap } from './map.ts'
import { Permits } from './permits.ts'
import { Queue } from './queue.ts'
import { ReadWriteLock } from './read-write-lock.ts'
import { Register } from './register.ts'
import { Semaphore } from './semaphore.ts'
import type { CoordinationSource } from './source.ts'

export interface CoordinationOptions {
  /**
   * By how much a clock may run faster or slower than time, in parts of a million, 500 to 250,000, as for
   * the lease of a replica. A signal aborts before anybody else can hold the same as long as no clock of
   * the processes is worse. Default: 10,000, which is 1 %.
   */
  readonly maxDriftPpm?: number | undefined
  /**
   * Whether this process watches over what may expire, for all. Some process has to that reaches the
   * cluster. Default: true.
   */
  readonly watchesExpiry?: boolean | undefined
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined
  /** Numbers in [0, 1), different in each process. Default: Math.random. */
  readonly random?: (() => number) | undefined
  /** So many bytes that nobody can guess. Default: `crypto.getRandomValues`. */
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined
}

/** Locks, elections and shared state, by their names. */
export class Coordination implements AsyncDisposable {
  readonly #context: Context
  readonly #closed = new AbortController()
  readonly #expiry: Expiry | null

  /**
   * Over a replica that was opened with coordinationMachine(), or its part of a composition. Throws
   * InvalidArgumentError.
   */
  constructor(source: CoordinationSource, options: CoordinationOptions = {}) {
    const known = ['maxDriftPpm', 'watchesExpiry', 'clock', 'random', 'randomBytes']
    requireOptions('Coordination', options, known)
    const example = 'a Replica that was opened with coordinationMachine(), or its part'
    requireMethods('source', source, ['propose', 'query', 'watch'], example)
    const {
      maxDriftPpm = 10_000,
      watchesExpiry = true,
      clock = platformClock,
      random = Math.random,
      randomBytes = (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
    } = options
    requireInteger('maxDriftPpm', maxDriftPpm, 500, 250_000)
    requireMethods('clock', clock, ['nowMs', 'schedule'], 'an object with both')
    requireFunction('random', random)
    requireFunction('randomBytes', randomBytes)
    const closed = this.#closed.signal
    this.#context = new Context({ source, clock, random, randomBytes, maxDriftPpm, closed })
    this.#expiry = watchesExpiry ? new Expiry(this.#context) : null
  }

  /**
   * Waits until nobody else holds the lock, in the order in which all came, and holds it. Rejects with the
   * signal's reason or WaitTimeoutError, after which this one does not wait any more; with
   * CoordinationLimitError when 10,000 wait; and with what propose() of the replica rejects with.
   */
  lock(name: string, options: HoldOptions = {}): Promise<Hold> {
    return this.#lock(name).acquire(options)
  }

  /** Holds the lock, or resolves with `null` when others hold it or wait for it. Rejects as lock(). */
  tryLock(name: string, options: HoldOptions = {}): Promise<Hold | null> {
    return this.#lock(name).tryAcquire(options)
  }

  /** Up to `permits` hold it together, 1 to 1,000,000: say the same number everywhere. */
  semaphore(name: string, permits: number): Semaphore {
    requireName('The name of a semaphore', name)
    requireInteger('permits', permits, 1, MAX_PERMITS)
    return new Semaphore(new Permits(this.#context, 'semaphore', name, permits))
  }

  /** Many read, or one writes. Nobody passes one who came before. */
  readWriteLock(name: string): ReadWriteLock {
    requireName('The name of a read-write lock', name)
    return new ReadWriteLock(new Permits(this.#context, 'read-write', name, MAX_PERMITS))
  }

  /** One of many leads. */
  election(name: string): Election {
    requireName('The name of an election', name)
    return new Election(this.#context, name)
  }

  /** All go on when `parties` are there, 1 to 10,000: say the same number everywhere. */
  barrier(name: string, parties: number): Barrier {
    return new Barrier(this.#context, name, parties)
  }

  /** One value. */
  register(name: string): Register {
    requireName('The name of a register', name)
    return new Register(this.#context, name)
  }

  /** An integer to which all add. */
  counter(name: string): Counter {
    requireName('The name of a counter', name)
    return new Counter(this.#context, name)
  }

  /** Values by key. */
  map(name: string): SharedMap {
    requireName('The name of a map', name)
    return new SharedMap(this.#context, name)
  }

  /** Items, each of which is taken by one at a time until somebody has acknowledged it. */
  queue(name: string): Queue {
    requireName('The name of a queue', name)
    return new Queue(this.#context, name)
  }

  /**
   * Gives back everything that is held through it, and waits for that; who waits is told with
   * CoordinationClosedError. Close it before the replica. May be called again.
   */
  async close(): Promise<void> {
    this.#expiry?.end()
    if (!this.#closed.signal.aborted) {
      this.#closed.abort(
        new CoordinationClosedError('The Coordination was closed. Make another one.'),
      )
    }
    await this.#context.left()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #lock(name: string): Permits {
    requireName('The name of a lock', name)
    return new Permits(this.#context, 'lock', name, 1)
  }
}
