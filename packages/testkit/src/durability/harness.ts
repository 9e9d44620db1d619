/**
 * What a durability adapter has to bring along to be tested: a place for its state, and what can be
 * done to that place behind the adapter's back. It must ask for nothing that only one kind of
 * medium has: what a medium cannot do is left out, with the reason.
 */
import type { Durability } from '@paxos/core'

/**
 * One location, empty at first. A new harness is made for each scenario, so that scenarios share
 * nothing. The optional fields are capabilities: a harness has each of them, or the suite is told
 * why it cannot (see NotApplicable).
 */
export interface DurabilityHarness {
  /** A new adapter on the location, not open. The suite closes it. */
  readonly durability: () => Durability
  /**
   * From now on nothing becomes durable, so that saves wait, until it is released. May be called
   * again right after that: then what was held goes on, and what is synced later waits.
   */
  readonly hold?: () => HeldSyncs
  /**
   * From now on the medium refuses to write or to sync, as one that is full or failing does. The
   * function that is returned makes it work again; what it refused is lost, so that a sync which is
   * tried again makes nothing of it durable. May be called at any moment, also in the midst of a save.
   */
  readonly fail?: () => () => void
  /**
   * The process dies now, at a moment when no save is running; where the harness can, the power
   * goes too. Adapters that were made before are dead, and `durability` makes adapters on what
   * is left.
   */
  readonly crash?: () => void | Promise<void>
  /**
   * Cuts the power at every point that it can tell apart. For each: `life` is called with an
   * adapter on a new location; at the point every call of the adapter begins to reject; when `life`
   * has ended, what is left is yielded, once for each way in which the medium may have been left.
   * (`life` opens, saves and closes, and ends at the first rejection. It never rejects.)
   */
  readonly crashesDuring?: (life: Life) => AsyncIterable<Found>
  /**
   * Damages what is stored, one place after another. Called while nothing has the location open.
   * Each is yielded with nothing but that one damage. With `directoryHarness`: flipped bits.
   */
  readonly damages?: () => AsyncIterable<Found>
  /** What earlier releases wrote by `writeFixture`, each as a copy: opening it may change it. */
  readonly fixtures?: () => AsyncIterable<Found>
  /** Called when the scenario is over and all is closed: the place for removing directories. */
  readonly remove?: () => void | Promise<void>
}

/** What a hold is ended with. */
export interface HeldSyncs {
  /** Resolves once a save has come so far that only the sync is missing. */
  readonly waiting: () => Promise<void>
  readonly release: () => void
}

/** Opens an adapter, saves, and closes it. */
export type Life = (durability: Durability) => Promise<void>

/** A location as it was left. */
export interface Found {
  /** What happened to it, for the message when the scenario fails. */
  readonly what: string
  /** A new adapter on it, not open. May be called again: what one saves the next one finds. */
  readonly durability: () => Durability
}

/** What a harness can do besides making adapters. */
export type Capability = 'hold' | 'fail' | 'crash' | 'crashesDuring' | 'damages' | 'fixtures'

/** Capabilities that a harness does not have, each with the reason, for the scenario's title. */
export type NotApplicable = { readonly [Name in Capability]?: string }

/** A harness that has at least this capability. */
export type Having<Name extends Capability> = DurabilityHarness & {
  readonly [Key in Name]-?: NonNullable<DurabilityHarness[Key]>
}

export function has<Name extends Capability>(
  harness: DurabilityHarness,
  name: Name,
): harness is Having<Name> {
  return harness[name] !== undefined
}
