/**
 * A place among the requests that a server answers at once. Must be given back, whatever becomes of
 * the request.
 */
import type { IncomingMessage } from 'node:http'
import { refusalAtTheDoor } from './admission.ts'
import type { Doorkeeper } from './admission.ts'
import type { Shares } from './client-address.ts'
import { Refusal } from './refusal.ts'

/** What all requests of a server share. */
export interface Places {
  /** How many there are. */
  readonly limits: { readonly requests: number }
  readonly doorkeeper: () => Doorkeeper
  /** How many are taken. */
  running: number
  /** What each address has of them; whoever has shown a token is not counted. */
  readonly requests: Shares
}

export class Place {
  readonly #all: Places
  /** Whose share it is of; `null` for nobody's. */
  readonly #client: string | null
  readonly #hasShare: boolean
  #isTaken = true

  /** Taken even where there is none left: refusalOf() says so. */
  constructor(all: Places, client: string | null) {
    this.#all = all
    this.#client = client
    this.#hasShare = client === null || all.requests.take(client)
    all.running += 1
  }

  /** Why who has this place is not answered; `null` when it is. */
  refusalOf(head: Pick<IncomingMessage, 'method' | 'url' | 'headers'>): Refusal | null {
    if (!this.#hasShare) return greedy('requests')
    const { running, limits, doorkeeper } = this.#all
    return refusalAtTheDoor(head, doorkeeper()) ?? (running > limits.requests ? busy() : null)
  }

  /** May be called again. */
  giveBack(): void {
    if (!this.#isTaken) return
    this.#isTaken = false
    this.#all.running -= 1
    if (this.#hasShare && this.#client !== null) this.#all.requests.give(this.#client)
  }
}

function busy(): Refusal {
  return new Refusal(503, 'unavailable', 'This node answers too many at once. Ask another one.')
}

export function greedy(what: 'requests' | 'watches' | 'streams'): Refusal {
  const message =
    `This node has too many ${what} of your address. End some, ask another node, or have tokens ` +
    'asked for: those who show one are not counted by their address.'
  return new Refusal(503, 'unavailable', message)
}
