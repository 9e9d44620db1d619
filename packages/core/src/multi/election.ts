/**
 * Who tries to lead, and when. A node that has heard no leader for a jittered window campaigns: it
 * asks the others first (Ongaro's thesis, §9.6), and raises a ballot only when a phase 1 quorum has
 * heard no leader either. Together with leaders that step down when no quorum follows them (§6.2),
 * and with no regard to whose log is longer, this makes progress wherever one node reaches a
 * quorum: the cases of Omni-Paxos (2023, §2). It decides nothing that safety rests on, and must
 * never raise a ballot itself.
 *
 * A window that is too short for the links at hand would end every attempt before it succeeds. So it
 * grows with each ballot that did not lead to a steady leader, which all who promised it see alike.
 */
import { excused } from '../absence.ts'
import type { Absence } from '../absence.ts'
import { sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { QuorumSystem } from '../quorum.ts'
import { FREE_ROUNDS, MAX_WINDOW_FACTOR } from './limits.ts'
import type { SupportMessage } from './messages.ts'

/** A campaign under way. Another one may follow it in the same silence, with what was said in it. */
interface Campaign {
  readonly number: number
  /** The first one of this silence. */
  readonly first: number
  /** When each said last that it hears no leader either. */
  readonly supportedAtMs: Map<NodeId, number>
}

/**
 * Who may lead when this node starts: nobody but itself; nobody yet, as far as it can know, for it
 * has never promised anything; or somebody whom it heard before it stopped.
 */
export type Beginning = 'alone' | 'new' | 'again'

/** What part of its jitter a new node waits, so that those that start together do not all ask at once. */
const FIRST_JITTER = 0.1

/** The clocks of one node's election. */
export class Election {
  readonly #windowMs: number
  readonly #random: () => number
  /** Drawn once, so that answers to an earlier run of this node are recognised. */
  readonly run: number
  #heardAtMs = 0
  /** The round that is promised here. */
  #round: number
  /** That of the last steady leader, and above it what steadiness has not made up for yet. */
  #steadyRound: number
  /** The leader that was heard last, and since when without a pause. */
  #steady: { readonly ballot: Ballot; readonly sinceMs: number } | null = null
  #campaignAtMs = 0
  #campaigns = 0
  #campaign: Campaign | null = null

  /** `round` is the one that is promised as the node starts. */
  constructor(windowMs: number, round: number, random: () => number) {
    this.#windowMs = windowMs
    this.#round = round
    this.#steadyRound = round
    this.#random = random
    this.run = 1 + Math.floor(random() * (Number.MAX_SAFE_INTEGER - 1))
  }

  /** How long a leader may be silent now: the configured window, or several times as long. */
  get windowMs(): number {
    const rounds = this.#round - this.#steadyRound
    const factor = 1 + Math.max(0, rounds - FREE_ROUNDS) / 2
    return this.#windowMs * Math.min(factor, MAX_WINDOW_FACTOR)
  }

  /** When to campaign, unless a leader is heard before. */
  get campaignAtMs(): number {
    return this.#campaignAtMs
  }

  get campaign(): Pick<Campaign, 'number'> | null {
    return this.#campaign
  }

  /**
   * The node starts. If it may have heard a leader before, it waits a window like after one. A new
   * node need not: it only asks, and is refused by those that hear a leader.
   */
  start(nowMs: number, beginning: Beginning): void {
    this.heard(nowMs)
    if (beginning === 'again') return
    const jitterMs = this.#campaignAtMs - this.silentAtMs
    this.#heardAtMs = nowMs - this.windowMs
    this.#campaignAtMs = nowMs + (beginning === 'alone' ? 0 : jitterMs * FIRST_JITTER)
  }

  /** Somebody who leads, or makes progress with it, made itself known. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs
    this.standBack(nowMs)
  }

  /** A ballot of that round is promised here. */
  promised(round: number): void {
    // Who was away for long, or is told of rounds that nobody raised, has seen no attempt fail.
    if (round > this.#round + MAX_WINDOW_FACTOR) this.#steadyRound += round - this.#round
    this.#round = round
    this.#steadyRound = Math.max(this.#steadyRound, round - FREE_ROUNDS - 2 * MAX_WINDOW_FACTOR)
  }

  /** `ballot` leads, here or elsewhere. With every window that it goes on the next may be shorter. */
  led(ballot: Ballot, nowMs: number): void {
    if (!sameBallot(this.#steady?.ballot ?? null, ballot)) this.#steady = { ballot, sinceMs: nowMs }
    else if (nowMs >= (this.#steady?.sinceMs ?? nowMs) + this.windowMs) {
      this.#steadyRound = Math.ceil((this.#steadyRound + this.#round) / 2)
      this.#steady = { ballot, sinceMs: nowMs }
    }
  }

  /** Waits for a whole jittered window before the next campaign, and gives up a present one. */
  standBack(nowMs: number): void {
    this.#campaign = null
    this.#campaignAtMs = nowMs + this.windowMs * (1 + this.#random() / 2)
  }

  /** This node was away for a time in which it could hear nobody. */
  excuse(absence: Absence): void {
    this.#heardAtMs = excused(this.silentAtMs, absence, this.windowMs) - this.windowMs
    this.#campaignAtMs = excused(this.#campaignAtMs, absence, this.windowMs)
  }

  /** From when on a leader that is not heard again has been silent for a window. */
  get silentAtMs(): number {
    return this.#heardAtMs + this.windowMs
  }

  /** Whether no leader was heard for a window. */
  isSilent(nowMs: number): boolean {
    return nowMs >= this.silentAtMs
  }

  /** Begins a campaign, supported by this node itself; without success, the next comes a window on. */
  begin(id: NodeId, nowMs: number): void {
    const before = this.#campaign
    this.standBack(nowMs)
    this.#campaigns += 1
    const number = this.#campaigns
    const { first = number, supportedAtMs = new Map<NodeId, number>() } = before ?? {}
    this.#campaign = { number, first, supportedAtMs: supportedAtMs.set(id, nowMs) }
  }

  /**
   * An answer that takes longer than a window still counts, as long as no leader was heard: else a
   * window that is shorter than a round trip would end each campaign before its answers, for ever.
   */
  receiveSupport(from: NodeId, { run, number, granted }: SupportMessage, nowMs: number): void {
    const campaign = this.#campaign
    if (campaign === null || run !== this.run || number > campaign.number) return
    if (number < Math.max(campaign.first, campaign.number - MAX_WINDOW_FACTOR)) return
    if (granted) campaign.supportedAtMs.set(from, nowMs)
    else campaign.supportedAtMs.delete(from)
  }

  /** Whether `id` said so within the last window: what it heard before that may be no more so. */
  isSupportedBy(id: NodeId, nowMs: number): boolean {
    const atMs = this.#campaign?.supportedAtMs.get(id)
    return atMs !== undefined && nowMs < atMs + this.windowMs
  }

  /** Whether the campaign has the support to prepare a ballot. */
  isSupported(quorums: QuorumSystem, nowMs: number): boolean {
    const supporters = [...(this.#campaign?.supportedAtMs.keys() ?? [])]
    return quorums.isPhase1Quorum(new Set(supporters.filter((id) => this.isSupportedBy(id, nowMs))))
  }
}
