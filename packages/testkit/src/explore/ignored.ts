/**
 * Which messages a node will ignore for ever, as its model claims. A claim is believed only while
 * all that is known bears it out: the message changes nothing now, and is ignored in every state
 * that a node was seen to come to from there. It must never let a claim stand that one state refutes.
 */
import type { NodeId } from '@paxos/core'
import type { PlainObject } from './model.ts'

/** Something that a model claims of its engines is not so. */
export class FoldError extends Error {
  override readonly name = 'FoldError'
}

/** A message and who has sent it. */
export interface Delivery {
  readonly from: NodeId
  readonly message: PlainObject
}

/** What is known of the inside of a node, by the number of it. */
export interface Insides {
  claimsToIgnore(inside: number, delivery: Delivery): boolean
  isChangedBy(inside: number, delivery: Delivery): boolean
}

interface Known {
  readonly ignored: Map<string, Delivery>
  readonly heeded: Set<string>
  readonly followers: Set<number>
}

/** Claims, and the check of them. */
export class Ignored {
  readonly #insides: Insides
  readonly #known: Known[] = []

  constructor(insides: Insides) {
    this.#insides = insides
  }

  /** Whether a node that is so inside ignores it from now on. Throws FoldError where that is a lie. */
  has(inside: number, delivery: Delivery): boolean {
    const { ignored, heeded, followers } = this.#of(inside)
    const key = JSON.stringify(delivery)
    if (ignored.has(key)) return true
    if (heeded.has(key)) return false
    if (!this.#insides.claimsToIgnore(inside, delivery)) {
      heeded.add(key)
      return false
    }
    ignored.set(key, delivery)
    if (this.#insides.isChangedBy(inside, delivery)) throw new FoldError(`Not ignored: ${key}`)
    for (const follower of followers) this.#require(follower, delivery)
    return true
  }

  /** A node that is so inside may be so in the next step. */
  follow(inside: number, next: number): void {
    const { followers, ignored } = this.#of(inside)
    if (inside === next || followers.has(next)) return
    followers.add(next)
    for (const delivery of ignored.values()) this.#require(next, delivery)
  }

  #require(inside: number, delivery: Delivery): void {
    if (this.has(inside, delivery)) return
    throw new FoldError(`Ignored, and then not: ${JSON.stringify(delivery)}`)
  }

  #of(inside: number): Known {
    return (this.#known[inside] ??= { ignored: new Map(), heeded: new Set(), followers: new Set() })
  }
}
