/**
 * A client of the simulated cluster: does one operation after another, retries as the Replica says
 * that one may, and writes down what it asked and was told. It must never write down an answer that
 * it did not get, nor ask twice for what may be applied twice.
 */
import { AlreadyAnsweredError, SessionExpiredError } from '@paxos/replica'
import { ask, isPromisedEnd } from './asking.ts'
import type { Reply } from './asking.ts'
import type { Look } from './leases-plan.ts'
import type { ClientCall } from './plan.ts'
import type { Command, Input, Result } from './registers.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { SimulatedReplica, World } from './world.ts'

interface Session {
  readonly id: string
  lastSequence: number
}

/** How long a client waits for one node before it asks the next one. */
const ATTEMPT_MS = 1500

/** How long it waits when nobody was there. */
const PAUSE_MS = 100

export class Client {
  readonly #world: World
  readonly #nodes: readonly [SimulatedNode, ...SimulatedNode[]]
  readonly #keepsSession: boolean
  readonly #seen = new Map<string, string>()
  readonly #calls: ClientCall[] = []
  #session: Session | null = null
  #isBusy = false

  constructor(
    world: World,
    nodes: readonly [SimulatedNode, ...SimulatedNode[]],
    keepsSession: boolean,
  ) {
    this.#world = world
    this.#nodes = nodes
    this.#keepsSession = keepsSession
  }

  /** Does it when what was asked before is done. */
  perform(call: ClientCall): void {
    this.#calls.push(call)
    if (!this.#isBusy) void this.#performAll()
  }

  async #performAll(): Promise<void> {
    this.#isBusy = true
    for (let call = this.#calls.shift(); call !== undefined; call = this.#calls.shift()) {
      await this.#operate(call)
    }
    this.#isBusy = false
  }

  async #operate(call: ClientCall): Promise<void> {
    const untilMs = this.#world.time.nowMs + call.patienceMs
    const input = this.#inputOf(call)
    if (input.type === 'get' && call.look?.consistency === 'bounded') {
      return await this.#readOld(input.key, call, call.look, untilMs)
    }
    if (input.type !== 'get') this.#world.watcher.issued(input)
    const answered = this.#world.history.begin(input)
    const output =
      input.type === 'get'
        ? await this.#read(input.key, call, untilMs)
        : await this.#write(input, call, untilMs)
    if (output === null) return
    if (input.type !== 'get') {
      this.#world.watcher.acknowledged(input.id)
      this.#world.freshness.acknowledged(input.id, this.#world.time.nowMs)
    }
    this.#seen.set(input.key, output.value)
    answered(output)
  }

  #inputOf({ call, id, key }: ClientCall): Input {
    const value = `${id}.`
    if (call === 'get') return { type: call, key }
    if (call !== 'compareAndSet') return { type: call, id, key, value }
    return { type: call, id, key, expected: this.#seen.get(key) ?? '', value }
  }

  /** Reads change nothing, and may be asked again anywhere. */
  async #read(key: string, call: ClientCall, untilMs: number): Promise<Result | null> {
    const query = this.#world.parts.query ?? queryWith(call.look)
    for (let attempt = call.node; this.#world.time.nowMs < untilMs; attempt += 1) {
      const reply = await this.#ask(attempt, untilMs, (replica, timeoutMs) =>
        query(replica, key, timeoutMs),
      )
      if (reply.type === 'answer') return { changed: false, value: reply.value }
      this.#judge(reply)
    }
    return null
  }

  /** What may be some time old is no part of a history in which everything is new. */
  async #readOld(
    key: string,
    call: ClientCall,
    look: Look & { readonly consistency: 'bounded' },
    untilMs: number,
  ): Promise<void> {
    const { time, freshness, plan } = this.#world
    const query = queryWith(look)
    for (let attempt = call.node; time.nowMs < untilMs; attempt += 1) {
      const askedMs = time.nowMs
      const reply = await this.#ask(attempt, untilMs, (replica, timeoutMs) =>
        query(replica, key, timeoutMs),
      )
      if (reply.type !== 'answer') {
        this.#judge(reply)
        continue
      }
      // The node counts by its own clock.
      const mayBeOldMs = look.maxStalenessMs / (plan.leases?.slowestClock ?? 1)
      return freshness.shown(key, reply.value, askedMs, mayBeOldMs)
    }
  }

  async #write(command: Command, call: ClientCall, untilMs: number): Promise<Result | null> {
    if (!this.#keepsSession) return await this.#writeOnce(command, call, untilMs)
    let sequence = 0
    for (let attempt = call.node; this.#world.time.nowMs < untilMs; attempt += 1) {
      const session = this.#session
      if (session === null) {
        // It was asked for already, in a session that is gone: it may have been applied.
        if (sequence > 0) return null
        await this.#openSession(attempt, untilMs)
        continue
      }
      if (sequence === 0) sequence = session.lastSequence += 1
      const reply = await this.#ask(attempt, untilMs, (replica, timeoutMs) =>
        replica.propose(command, { session: { id: session.id, sequence }, timeoutMs }),
      )
      if (reply.type === 'answer') return reply.value
      if (reply.type === 'error' && reply.error instanceof SessionExpiredError) this.#session = null
      else this.#judge(reply)
    }
    return null
  }

  /** Without a session of its own, only a command that nobody took may be asked for again. */
  async #writeOnce(command: Command, call: ClientCall, untilMs: number): Promise<Result | null> {
    for (let attempt = call.node; this.#world.time.nowMs < untilMs; attempt += 1) {
      const reply = await this.#ask(attempt, untilMs, (replica, timeoutMs) =>
        replica.propose(command, { timeoutMs }),
      )
      if (reply.type === 'answer') return reply.value
      const isExpired = reply.type === 'error' && reply.error instanceof SessionExpiredError
      if (!isExpired) this.#judge(reply)
      if (reply.type !== 'nobody') return null
    }
    return null
  }

  async #openSession(attempt: number, untilMs: number): Promise<void> {
    const reply = await this.#ask(attempt, untilMs, (replica, timeoutMs) =>
      replica.openSession({ timeoutMs }),
    )
    if (reply.type === 'answer') this.#session = { id: reply.value, lastSequence: 0 }
    else this.#judge(reply)
  }

  async #ask<T>(
    attempt: number,
    untilMs: number,
    call: (replica: SimulatedReplica, timeoutMs: number) => Promise<T>,
  ): Promise<Reply<T>> {
    const { time } = this.#world
    const node = this.#nodes[attempt % this.#nodes.length] ?? this.#nodes[0]
    const leftMs = Math.max(1, Math.min(ATTEMPT_MS, untilMs - time.nowMs))
    const reply = await ask(this.#world, node, leftMs, (replica) => call(replica, leftMs))
    if (reply.type !== 'nobody') return reply
    await new Promise<void>((resolve) => void time.schedule(PAUSE_MS, resolve))
    return reply
  }

  #judge(reply: Reply<unknown>): void {
    if (reply.type !== 'error') return
    const { error } = reply
    if (isPromisedEnd(error)) return
    const what = error instanceof AlreadyAnsweredError ? 'the newest command: ' : ''
    this.#world.report('calls-end-as-promised', null, `A call ends with ${what}${String(error)}`)
  }
}

function queryWith(look: Look | undefined): NonNullable<World['parts']['query']> {
  return (replica, key, timeoutMs) => replica.query(key, { timeoutMs, ...look })
}
