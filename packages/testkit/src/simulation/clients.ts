/**
 * Clients of a simulated cluster: each asks one thing after another of some node, retries as the
 * API tells it to, and writes down when it asked and what it heard. Must never take an answer for
 * granted that it did not get.
 */
import { PaxosError } from '@paxos/core'
import type { Operation } from '../linearizability.ts'
import type { Dice } from './dice.ts'
import type { SimulatedReplica } from './node.ts'
import type { Answer, Command, Request, Result } from './registers.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Watch } from './watch.ts'

const KEYS = ['x', 'y'] as const
const VALUES = ['a', 'b', 'c'] as const

/** How often a client brings in the same command again before it gives up. */
const ATTEMPTS = 5

/** Errors before which nothing was asked, or after which a session is of no use. */
const NOT_ASKED = 'ERR_PAXOS_OVERLOADED'
const SESSION_OVER = new Set(['ERR_PAXOS_SESSION_EXPIRED', 'ERR_PAXOS_ALREADY_ANSWERED'])

export interface ClientWorld {
  readonly time: VirtualTime
  readonly watch: Watch
  readonly trace: Trace
  readonly history: History
  /** The nodes that are there now. */
  readonly replicas: () => readonly SimulatedReplica[]
  /** No further requests. */
  readonly isOver: () => boolean
}

/** What was asked and answered, in the one order in which it happened. */
export class History {
  readonly operations: Operation<Request, Answer>[] = []
  #moment = 0

  get moment(): number {
    return (this.#moment += 1)
  }

  add(input: Request, calledAt: number, output: Answer | null): void {
    const answer = output === null ? null : { output, at: this.moment }
    this.operations.push({ input, calledAt, answer })
  }
}

interface Session {
  readonly id: string
  sequence: number
}

/** Asks until the world says that it is over; `requests` at most. */
export async function runClient(world: ClientWorld, requests: number, dice: Dice): Promise<void> {
  const holdsSession = dice.chance(0.7)
  let session: Session | null = null
  for (let asked = 0; asked < requests; asked += 1) {
    await pause(world.time, dice.between(1, 400))
    if (world.isOver()) return
    const request = drawRequest(dice)
    if (request.type === 'get') {
      await read(world, request, dice)
      continue
    }
    if (holdsSession) session ??= await openSession(world, dice)
    if (holdsSession && session === null) continue
    session = await command(world, request, session, dice)
  }
}

function drawRequest(dice: Dice): Request {
  const key = dice.pick(KEYS)
  const value = dice.pick(VALUES)
  const kind = dice.below(10)
  if (kind < 4) return { type: 'get', key }
  if (kind < 6) return { type: 'put', key, value }
  if (kind < 9) return { type: 'append', key, value }
  return { type: 'cas', key, from: dice.pick(VALUES), to: value }
}

async function read(
  { replicas, history, trace }: ClientWorld,
  request: Request & { readonly type: 'get' },
  dice: Dice,
): Promise<void> {
  const replica = pickOne(replicas(), dice)
  if (replica === null) return
  const calledAt = history.moment
  try {
    const value = await replica.query(request.key, { timeoutMs: dice.between(200, 3000) })
    trace.add({ type: 'note', at: null, text: `reads ${request.key}: ${value}` })
    history.add(request, calledAt, { done: true, value })
  } catch (error) {
    // A read that failed has told nothing, and changed nothing.
    requireExpected(error)
  }
}

async function openSession({ replicas }: ClientWorld, dice: Dice): Promise<Session | null> {
  try {
    const id = await pickOne(replicas(), dice)?.openSession({ timeoutMs: 2000 })
    return id === undefined ? null : { id, sequence: 0 }
  } catch (error) {
    requireExpected(error)
    return null
  }
}

/** Returns the session to go on with. */
async function command(
  world: ClientWorld,
  request: Command,
  session: Session | null,
  dice: Dice,
): Promise<Session | null> {
  const { time, watch, trace, history, replicas } = world
  const calledAt = history.moment
  if (session !== null) session.sequence += 1
  const ticket = session === null ? {} : { session: { id: session.id, sequence: session.sequence } }
  let mayHaveHappened = false
  for (let attempt = 0; attempt < (session === null ? 1 : ATTEMPTS); attempt += 1) {
    const replica = pickOne(replicas(), dice)
    if (replica === null) await pause(time, 100)
    else {
      try {
        const options = { ...ticket, timeoutMs: dice.between(300, 2500) }
        const { slot, done, value }: Result = await replica.propose(request, options)
        watch.acknowledged(slot)
        trace.add({ type: 'note', at: null, text: `is told slot ${slot}: ${value}` })
        history.add(request, calledAt, { done, value })
        return session
      } catch (error) {
        const code = requireExpected(error)
        if (code !== NOT_ASKED) mayHaveHappened = true
        if (!SESSION_OVER.has(code)) continue
        history.add(request, calledAt, null)
        return null
      }
    }
  }
  if (mayHaveHappened) history.add(request, calledAt, null)
  return session
}

/** Clients live with every error that the API names, and with no other. */
function requireExpected(error: unknown): string {
  if (error instanceof PaxosError) return error.code
  throw error
}

function pickOne<T>(items: readonly T[], dice: Dice): T | null {
  return items[dice.below(items.length)] ?? null
}

function pause(time: VirtualTime, ms: number): Promise<void> {
  return new Promise((resolve) => {
    time.schedule(ms, resolve)
  })
}
