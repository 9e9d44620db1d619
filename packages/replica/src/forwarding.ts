/**
 * The way into the log: what this node wants there, and what others hand over to it. Each part is in a
 * file of its own: `hand-over.ts` says what is given away and when again, `route.ts` by which way,
 * `outbox.ts` gathers it for the engine. Must never let into the log what no node could apply, nor what
 * a leader alone decides.
 */
import { MAX_VALUE_BYTES, sameBallot } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { isForwardable } from '@paxos/core/multi'
import type { LogEffects, MultiPaxos, MultiPaxosMessage } from '@paxos/core/multi'
import { HandOver } from './hand-over.ts'
import type { Standing } from './hand-over.ts'
import { MAX_OWN_OUTBOX_BYTES } from './limits.ts'
import { Outbox } from './outbox.ts'
import { Route } from './route.ts'

export interface ForwardingOptions {
  readonly engine: MultiPaxos
  /** Carries out an input of the engine. */
  readonly input: (give: () => LogEffects) => void
  readonly nowMs: () => number
  /** In [0, 1). */
  readonly random: () => number
  readonly heartbeatPeriodMs: number
  readonly livenessWindowMs: number
  readonly retransmitIntervalMs: number
  /** What a value would do if it were applied next. */
  readonly foresee: (value: Uint8Array) => 'something' | 'nothing' | 'unreadable'
  /** The other members, the likeliest to be reached first. */
  readonly relays: () => readonly NodeId[]
  /** Everything for the leader goes by way of `relay` too; `null`: directly alone. */
  readonly relayed: (relay: NodeId | null) => void
  /** So many values of another node were refused. */
  readonly refused: (count: number) => void
}

/** The values of one node, and of those that hand over to it. */
export class Forwarding {
  /** What this node wants. */
  readonly wanted: HandOver
  readonly #options: ForwardingOptions
  readonly #outbox: Outbox
  readonly #route: Route
  #leaderHeardAtMs = 0

  constructor(options: ForwardingOptions) {
    this.#options = options
    const { engine, input, nowMs, random, livenessWindowMs, relays } = options
    this.#outbox = new Outbox(engine, input)
    this.#route = new Route({
      nowMs,
      random,
      patienceMs: livenessWindowMs,
      leader: () => engine.leader,
      relays,
      take: (relay) => {
        options.relayed(relay)
        input(() => engine.relayBy(relay))
        this.wanted.again()
      },
    })
    this.wanted = new HandOver({
      give: (value) => this.#outbox.add(value, MAX_OWN_OUTBOX_BYTES),
      standing: () => this.#standing,
      nowMs,
      random,
      retryAfterMs: options.retransmitIntervalMs,
      arrived: () => this.#route.arrived(),
    })
  }

  /** How many values wait to leave. */
  get queued(): number {
    return this.#outbox.length
  }

  /** Proposes what the leader decides. It may get lost. */
  propose(value: Uint8Array): void {
    this.#outbox.add(value)
  }

  /** A message came, and the engine has not seen it yet. */
  received(from: NodeId, message: MultiPaxosMessage): void {
    const { engine, nowMs, heartbeatPeriodMs } = this.#options
    if (from !== engine.leader) return
    const silentMs = nowMs() - this.#leaderHeardAtMs
    this.#leaderHeardAtMs = nowMs()
    if (silentMs > 2 * heartbeatPeriodMs) this.wanted.heardAgain()
    // What a former leader proposed may have got no further.
    if (message.type !== 'logAccept' || !sameBallot(message.ballot, engine.promised)) return
    this.wanted.proposed(message.values)
  }

  /**
   * Another node hands over `values`. What is on its way or applied already is dropped without a word:
   * who wants it will see it in its slot. What no node could apply does not come into the log, nor
   * what is for the leader alone to decide, or was written by an earlier release: who wants that is
   * told, and stops asking.
   */
  forwarded(from: NodeId, values: readonly Uint8Array[]): void {
    const { engine, input, foresee, refused } = this.#options
    const wrong = values.filter((value) => {
      const fits = value.byteLength <= MAX_VALUE_BYTES && isForwardable(value)
      const effect = fits ? foresee(value) : 'unreadable'
      if (effect === 'something') this.#outbox.add(value)
      return effect === 'unreadable'
    })
    if (wrong.length === 0) return
    refused(wrong.length)
    input(() => engine.refuse(from, wrong))
  }

  /** A slot with this value is applied. */
  applied(value: Uint8Array): void {
    this.#outbox.applied(value)
  }

  /** A read was confirmed. */
  readConfirmed(): void {
    this.#route.arrived()
  }

  /** The leader is another, or none is known. */
  leaderChanged(): void {
    // What was queued here for another leader comes again from whoever wants it.
    this.#outbox.clear()
    this.#outbox.begin(this.#options.engine.recovered)
    this.#route.leaderChanged()
    this.#leaderHeardAtMs = this.#options.nowMs()
    this.wanted.retry()
  }

  /** The engine may have room again. */
  flushSoon(): void {
    this.#outbox.flushSoon()
  }

  /** To be called now and then, with whether reads, or changes of members, wait for the leader. */
  retry(areOthersWaiting: boolean): void {
    const isIdle = this.#options.engine.phase === 'idle'
    this.wanted.retry()
    this.#route.check(isIdle && (areOthersWaiting || this.wanted.areWaiting))
    this.#outbox.flushSoon()
  }

  end(): void {
    this.#outbox.clear()
    this.wanted.clear()
  }

  get #standing(): Standing {
    const { phase, leader, promised, forwardsTo } = this.#options.engine
    const role = phase === 'leading' ? 'leads' : forwardsTo.length === 0 ? 'waits' : 'follows'
    return { role, leadership: `${leader} ${promised?.round} ${promised?.node}` }
  }
}
