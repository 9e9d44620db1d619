/**
 * One cell of the grid: a cluster that was asked for more than its links carried, whose links are
 * good again and whose clients are gone, or what such a time left on its disks. It is a plan like any other, run by the simulator with all
 * its checks, so that it says the same each time. Must never help the cluster to recover.
 */
import type { Durability, Slot, Transport } from '@paxos/core'
import { decode } from '@paxos/core/wire'
import { recoveryBoundOf, Simulation } from '@paxos/testkit/simulation'
import type { Action, Parts, Plan } from '@paxos/testkit/simulation'

/**
 * What the cluster comes back from. 'congestion': a bad period, of which it is in the midst. 'restart':
 * the worst that such a period can leave, for all nodes start with the whole backlog accepted on
 * their disks, each from another leader, and none of it chosen.
 */
export type Origin = 'congestion' | 'restart'

/** What is varied. */
export interface Cell {
  readonly from: Origin
  readonly nodes: 3 | 5
  /** What clients asked for in the bad period, in bytes of values. */
  readonly backlogBytes: number
  /** What each direction of a link carries afterwards, in bytes a second. */
  readonly bytesPerSecond: number
  readonly roundTripMs: number
  /** The probability that a frame is lost, 0 to 1, all the time. */
  readonly loss: number
}

/** A cell and how to run it. */
export interface CellRun {
  readonly cell: Cell
  /** From 0 to 2^32 - 1. */
  readonly seed: number
  /** How long to wait for what comes too late, in virtual milliseconds. */
  readonly limitMs: number
}

/** What came of a cell. Times are virtual milliseconds from the end of the bad period. */
export interface CellOutcome {
  readonly cell: Cell
  /** Within this a new command must be answered, and every node be at one slot. */
  readonly boundMs: number
  readonly waitedMs: number
  /** `null` when no new command was answered in time. */
  readonly firstAnswerAfterMs: number | null
  /** Until every node had answered one, and all were at one slot. */
  readonly recoveredAfterMs: number | null
  /** At the end of the bad period: what disks held as accepted and not as chosen, each slot once. */
  readonly acceptedBytes: number
  /** From then on: what nodes gave to the network, and pages of promises among it. */
  readonly sentBytes: number
  readonly promises: number
  /** Those that had been given to the same node before, from the first moment on. */
  readonly promisesAgain: number
  /** A broken promise other than that it takes too long. */
  readonly violation: string | null
}

/** Whether the cell shows what is promised. All nodes have recovered after the first has answered. */
export function holds({ recoveredAfterMs, boundMs, violation }: CellOutcome): boolean {
  return violation === null && recoveredAfterMs !== null && recoveredAfterMs <= boundMs
}

/** What a command carries: large enough that bytes count, and many in a page. */
const VALUE_BYTES = 4096

/** So often in the bad period clients ask, each time for the same share of the backlog. */
const ROUNDS = 5
const CALM_MS = 3000
const BAD_MS = 15_000
const PATIENCE_MS = 5000
const QUEUE_BYTES = 256 << 10

const NODES: Readonly<Record<Cell['nodes'], Plan['nodes']>> = {
  3: ['a', 'b', 'c'],
  5: ['a', 'b', 'c', 'd', 'e'],
}

/** What happens in a cell. */
export function planOf(
  { from, nodes, backlogBytes, bytesPerSecond, roundTripMs, loss }: Cell,
  seed: number,
): Plan {
  const ids = NODES[nodes]
  const isRestart = from === 'restart'
  const faultsEndMs = isRestart ? 0 : CALM_MS + BAD_MS
  const congestion: Action = {
    type: 'congestion',
    atMs: CALM_MS,
    untilMs: faultsEndMs,
    // All of it could cross a link once, if nothing else did.
    bytesPerSecond: (backlogBytes * 1000) / BAD_MS,
    queueBytes: QUEUE_BYTES,
  }
  const count = Math.max(1, Math.round(backlogBytes / VALUE_BYTES / ROUNDS / nodes))
  const bursts = Array.from({ length: ROUNDS }, (_, round) =>
    ids.map((node): Action => {
      const atMs = CALM_MS + (round * BAD_MS) / ROUNDS
      return { type: 'burst', atMs, node, count, valueBytes: VALUE_BYTES, patienceMs: PATIENCE_MS }
    }),
  ).flat()
  return {
    seed,
    nodes: ids,
    faultsEndMs,
    delayMs: { min: roundTripMs / 2, max: roundTripMs / 2 },
    links: { bytesPerSecond, queueBytes: QUEUE_BYTES, loss },
    syncMs: { min: 1, max: 4 },
    snapshotEveryEntries: 10_000,
    sessionTimeoutMs: 3_600_000,
    clientsWithSession: 0,
    actions: isRestart ? [] : [congestion, ...bursts],
    ...(isRestart
      ? { tail: { entries: Math.round(backlogBytes / VALUE_BYTES), valueBytes: VALUE_BYTES } }
      : {}),
  }
}

/** Runs a cell. */
export async function runCell({ cell, seed, limitMs }: CellRun): Promise<CellOutcome> {
  const plan = planOf(cell, seed)
  const boundMs = recoveryBoundOf(plan)
  const waitedMs = Math.max(limitMs, boundMs)
  const backlog = new Backlog()
  const traffic = new Traffic()
  const parts: Parts = {
    durability: (inner, id) => backlog.watch(inner, id),
    transport: (inner, id) => traffic.watch(inner, id),
  }
  let acceptedBytes = 0
  const onFaultsEnd = (): void => {
    acceptedBytes = backlog.bytes
    traffic.startAgain()
  }
  const simulation = new Simulation(plan, { parts, onFaultsEnd, recoveryBoundMs: waitedMs })
  const { firstAnswerAfterMs, recoveredAfterMs, violation } = await simulation.run()
  const isLate = violation?.invariant === 'commits-again' || violation?.invariant === 'converges'
  return {
    cell,
    boundMs,
    waitedMs,
    firstAnswerAfterMs,
    recoveredAfterMs,
    acceptedBytes,
    ...traffic.figures,
    violation: violation === null || isLate ? null : `${violation.invariant}: ${violation.problem}`,
  }
}

/** What disks hold that is accepted and not known to be chosen. */
class Backlog {
  readonly #accepted = new Map<string, Map<Slot, number>>()

  get bytes(): number {
    const slots = new Map<Slot, number>()
    for (const accepted of this.#accepted.values()) {
      for (const [slot, bytes] of accepted) slots.set(slot, Math.max(bytes, slots.get(slot) ?? 0))
    }
    return [...slots.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  watch(inner: Durability, id: string): Durability {
    const accepted = this.#accepted.get(id) ?? new Map<Slot, number>()
    this.#accepted.set(id, accepted)
    return {
      async open(owner) {
        const saved = await inner.open(owner)
        for (const { slot, value } of saved.accepted) accepted.set(slot, value.byteLength)
        return saved
      },
      close: () => inner.close(),
      async save(change) {
        await inner.save(change)
        for (const { slot, value } of change.accepted ?? []) accepted.set(slot, value.byteLength)
        const through = Math.max(change.chosenThrough ?? 0, change.snapshot?.through ?? 0)
        if (through > 0)
          for (const slot of accepted.keys()) if (slot <= through) accepted.delete(slot)
      },
    }
  }
}

/** What nodes give to the network. */
class Traffic {
  readonly #promised = new Set<string>()
  #sentBytes = 0
  #promises = 0
  #promisesAgain = 0

  get figures(): Pick<CellOutcome, 'sentBytes' | 'promises' | 'promisesAgain'> {
    const [sentBytes, promises] = [this.#sentBytes, this.#promises]
    return { sentBytes, promises, promisesAgain: this.#promisesAgain }
  }

  startAgain(): void {
    this.#sentBytes = 0
    this.#promises = 0
    this.#promisesAgain = 0
  }

  watch(inner: Transport, id: string): Transport {
    return {
      open: (options) => inner.open(options),
      get address() {
        return inner.address
      },
      setPeers: (peers) => inner.setPeers(peers),
      close: () => inner.close(),
      send: (to, frame) => {
        this.#count(id, to, frame)
        inner.send(to, frame)
      },
    }
  }

  #count(id: string, to: string, frame: Uint8Array): void {
    this.#sentBytes += frame.byteLength
    const { message } = decode(frame)
    if (message.type !== 'logPromise') return
    const { ballot, from } = message
    const page = `${id} ${to} ${ballot.round} ${ballot.node} ${from}`
    this.#promises += 1
    if (this.#promised.has(page)) this.#promisesAgain += 1
    this.#promised.add(page)
  }
}
