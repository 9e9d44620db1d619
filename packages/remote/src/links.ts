/**
 * Which server a client asks: one that answers, and better the one of the node that leads. Must never
 * dial an address that the client was not given, whatever a server says, for it would be shown the token;
 * nor come back at once, again and again, to who does not answer.
 */
import type { Clock } from '@paxos/replica'
import type { Closed, Dial } from './channel.ts'
import { addressOf } from './connect-options.ts'
import { ConnectionError, ProtocolError, UnauthorizedError } from './errors.ts'
import type { Attempt } from './errors.ts'
import { FIRST_BACKOFF_MS, LEADERLESS_HEARTBEATS, MAX_BACKOFF_MS } from './limits.ts'
import { Link } from './link.ts'
import type { LinkEvents } from './link.ts'
import type { Request } from './request.ts'

export interface LinksOptions {
  readonly addresses: readonly string[]
  readonly dial: Dial
  readonly clock: Clock
  readonly random: () => number
  readonly heartbeatMs: number
  /** Another link is the one to ask. */
  readonly onCurrent: (link: Link) => void
  /** There is none any more, or who leads is another one. */
  readonly onChanged: () => void
  /** There is room for requests. */
  readonly onProgress: () => void
  readonly onEvent: (body: Uint8Array) => void
  readonly onApplied: () => void
  /** These are to be asked again. */
  readonly onUnanswered: (requests: readonly Request[]) => void
  /** No server takes this client in: it is of no use to wait. */
  readonly onHopeless: (problem: 'unauthorized' | 'protocol', message: string) => void
}

export class Links implements LinkEvents {
  readonly #options: LinksOptions
  /** The one to ask. */
  #current: Link | null = null
  /** The next one to ask, while it is dialled and there is none. */
  #dialled: Link | null = null
  /** To the leader, while the current one is asked. */
  #moving: Link | null = null
  /** Those on which requests are under way, and no others are asked. */
  readonly #leaving = new Set<Link>()
  /** What became of each address, since one has answered. */
  readonly #failed = new Map<string, Closed>()
  /** And at last, for who looks. */
  readonly #problems = new Map<string, string>()
  #next: number
  #failures = 0
  /** For so many heartbeats the current one has known no leader. */
  #leaderlessBeats = 0
  #movedAtMs = -Infinity
  #cancelPause: (() => void) | null = null
  #isClosed = false
  #closing: Promise<void> | null = null
  #whenClosed: (() => void) | null = null

  constructor(options: LinksOptions) {
    this.#options = options
    // Clients spread over the servers.
    this.#next = Math.floor(options.random() * options.addresses.length)
  }

  get current(): Link | null {
    return this.#current
  }

  /** Requests that are under way. */
  get requests(): number {
    return this.#open.reduce((sum, { requests }) => sum + requests, 0)
  }

  get attempts(): readonly Attempt[] {
    return [...this.#problems].map(([address, problem]) => ({ address, problem }))
  }

  start(): void {
    this.#dialNext()
  }

  /** On which one a request is under way is not known here: it is one of these. */
  cancel(request: Request): void {
    for (const link of this.#open) link.cancel(request)
  }

  /** Resolves when all are over. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#isClosed = true
      this.#cancelPause?.()
      this.#whenClosed = resolve
      const open = this.#open
      if (open.length === 0) resolve()
      for (const link of open) link.close()
    })
    return this.#closing
  }

  /** Why there is none. */
  error(forMs: number): ConnectionError {
    const tried = this.attempts.map(({ address, problem }) => `${address} ${problem}`)
    const found = tried.length === 0 ? 'none has answered yet' : tried.join('; ')
    return new ConnectionError(
      `No server could be reached within ${forMs} ms: ${found}. ` +
        'Check these addresses, and that the servers run.',
      this.attempts,
    )
  }

  onWelcome(link: Link): void {
    if (this.#isClosed) return
    const former = this.#current
    if (link === this.#moving) {
      this.#moving = null
      // What is under way there is asked again here, where it needs no other node.
      if (former !== null) this.#leave(former).close()
    } else {
      this.#dialled = null
      if (former !== null) return void this.#leave(link)
    }
    this.#current = link
    this.#leaderlessBeats = 0
    this.#problems.delete(link.address)
    this.#options.onCurrent(link)
  }

  onProgress(link: Link): void {
    if (link.hasAnswered) {
      this.#failures = 0
      this.#failed.clear()
    }
    if (this.#leaving.has(link) && link.isIdle) link.close()
    this.#options.onProgress()
  }

  onLeader(link: Link): void {
    if (link !== this.#current) return
    this.#options.onChanged()
    this.#consider(link)
  }

  onEvent(link: Link, body: Uint8Array): void {
    if (link === this.#current) this.#options.onEvent(body)
  }

  onApplied(link: Link): void {
    if (link === this.#current) this.#options.onApplied()
  }

  onBeat(link: Link): void {
    if (link !== this.#current) return
    this.#leaderlessBeats = link.leader === null ? this.#leaderlessBeats + 1 : 0
    const isCutOff = this.#leaderlessBeats >= LEADERLESS_HEARTBEATS
    if (isCutOff && this.#options.addresses.length > 1) {
      // It may be cut off from the others, and this client not.
      this.onLeaving(link, [], 'knows no leader')
      link.close()
    } else this.#consider(link)
  }

  onLeaving(link: Link, again: readonly Request[], problem = 'is about to end'): void {
    const wasCurrent = link === this.#current
    if (wasCurrent) this.#current = null
    if (link === this.#dialled) this.#dialled = null
    if (link === this.#moving) this.#moving = null
    this.#leave(link)
    if (wasCurrent) {
      this.#problems.set(link.address, problem)
      this.#failAndGoOn(link.address)
    }
    this.#options.onUnanswered(again)
  }

  onClosed(link: Link, why: Closed, unanswered: readonly Request[]): void {
    this.#leaving.delete(link)
    this.#options.onUnanswered(unanswered)
    this.#lost(link, why)
    if (this.#isClosed && this.#open.length === 0) this.#whenClosed?.()
  }

  get #open(): readonly Link[] {
    const all = [this.#current, this.#dialled, this.#moving, ...this.#leaving]
    return all.filter((link) => link !== null)
  }

  #lost(link: Link, why: Closed): void {
    if (link === this.#moving) {
      this.#moving = null
      this.#problems.set(link.address, why.problem)
      return
    }
    const isNeeded = link === this.#current || link === this.#dialled
    if (link === this.#current) this.#current = null
    if (link === this.#dialled) this.#dialled = null
    if (!isNeeded || this.#isClosed) return
    this.#problems.set(link.address, why.problem)
    this.#failed.set(link.address, why)
    this.#lookForHope()
    this.#failAndGoOn(link.address)
  }

  /** Nothing more is asked on it; what is under way is answered. */
  #leave(link: Link): Link {
    this.#leaving.add(link)
    if (link.isIdle) link.close()
    return link
  }

  /** When every address has failed since anybody answered, and all those who speak refuse. */
  #lookForHope(): void {
    const { addresses, onHopeless } = this.#options
    if (this.#failed.size < addresses.length) return
    const found = [...this.#failed]
    const isUnauthorized = found.some(([, { type }]) => type === 'unauthorized')
    const isOther = found.every(([, { type }]) => type === 'protocol')
    if (!isUnauthorized && !isOther) return
    this.#failed.clear()
    const said = found.map(([address, { problem }]) => `${address} ${problem}`).join('; ')
    onHopeless(isUnauthorized ? 'unauthorized' : 'protocol', said)
  }

  #failAndGoOn(address: string): void {
    const { addresses, clock, onChanged } = this.#options
    this.#failures += 1
    this.#next = (addresses.indexOf(address) + 1) % addresses.length
    onChanged()
    const pauseMs = this.#pauseMs
    if (pauseMs === 0) return this.#dialNext()
    this.#cancelPause?.()
    this.#cancelPause = clock.schedule(pauseMs, () => {
      this.#cancelPause = null
      this.#dialNext()
    })
  }

  /** None before every address had its turn, and then longer and longer. */
  get #pauseMs(): number {
    const { addresses, random } = this.#options
    if (this.#failures % addresses.length !== 0) return 0
    const rounds = Math.min(this.#failures / addresses.length, 20)
    const longestMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (rounds - 1))
    return longestMs * (1 - random() / 2)
  }

  #dialNext(): void {
    const address = this.#options.addresses[this.#next]
    const isWanted = this.#current === null && this.#dialled === null && this.#cancelPause === null
    if (this.#isClosed || !isWanted || address === undefined) return
    this.#dialled = this.#dial(address)
  }

  /** Moves to the leader's server, if that is another one, at most once a heartbeat. */
  #consider({ address: own, leaderAddress }: Link): void {
    const { addresses, clock, heartbeatMs } = this.#options
    if (leaderAddress === null || this.#moving !== null || this.#isClosed) return
    const address = addressOf(leaderAddress)
    if (address === null || address === own || !addresses.includes(address)) return
    if (clock.nowMs() - this.#movedAtMs < heartbeatMs) return
    this.#movedAtMs = clock.nowMs()
    this.#moving = this.#dial(address)
  }

  #dial(address: string): Link {
    const { dial, clock, heartbeatMs } = this.#options
    return new Link({ address, dial, clock, heartbeatMs, events: this })
  }
}

/** What a call is rejected with that is of no use to wait for. */
export function hopeless(
  problem: 'unauthorized' | 'protocol',
  message: string,
  wasSent: boolean,
): Error {
  const outcome = wasSent ? 'unknown' : 'not-asked'
  return problem === 'unauthorized'
    ? new UnauthorizedError(
        `No server lets this client in: ${message}. Give a token or a certificate that they know.`,
        outcome,
      )
    : new ProtocolError(
        `No server understands this client: ${message}. Check the addresses, and run releases of ` +
          '@paxos/remote that know one another.',
        outcome,
      )
}
