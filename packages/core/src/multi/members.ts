/**
 * Which configuration governs which slot, as far as this node knows what is chosen: see
 * `configuration.ts` for the rule. It must never act on a members entry that is only accepted.
 */
import type { NodeId } from '../ballot.ts'
import type { Member, Slot, Snapshot } from '../durability.ts'
import { configurationAfter, decodeConfiguration, encodeConfiguration } from './configuration.ts'
import { Electorate } from './electorate.ts'
import { membersEntryIn } from './entry.ts'
import type { Log } from './log.ts'

/** What a snapshot says about who is in the cluster. */
export type SnapshotMembers = Pick<Snapshot, 'members' | 'configuration'>

/** The configurations of a log. */
export class Members {
  /** Ascending versions: the newest last, and before it those that a snapshot may yet be taken at. */
  #known: readonly Electorate[]
  /** Those before it whose voters may not have learnt yet that they left, by what came after. */
  readonly #leaving = new Map<Slot, Electorate>()
  #complete: Slot = 0
  /** Who has left by this version, or before, need not be told any more. */
  #toldThrough: Slot = 0
  /** Everything through this slot was looked at. */
  #through: Slot
  /** What snapshots say where no configuration does. */
  #plain: readonly Member[]

  /** `initial` is that of the first start, `plain` its members; what a snapshot says takes its place. */
  constructor(initial: Electorate, plain: readonly Member[], snapshot: Snapshot | null) {
    const bytes = initial.isWhole ? snapshot?.configuration : undefined
    this.#known = [bytes === undefined ? initial : new Electorate(decodeConfiguration(bytes))]
    this.#through = snapshot?.through ?? 0
    this.#plain = snapshot?.members ?? plain
  }

  /** Of the first slot that this node does not know to be chosen. */
  get current(): Electorate {
    const newest = this.#known.at(-1)
    if (newest === undefined) throw new TypeError('unreachable: a configuration is always known')
    return newest
  }

  /** Takes note of what `log` holds for the slots through `chosenThrough`. Says whether more is known. */
  update(log: Pick<Log, 'get'>, chosenThrough: Slot): boolean {
    const before = this.current
    while (this.#through < chosenThrough) {
      this.#through += 1
      const after = this.after(this.#through, log.get(this.#through)?.value)
      if (after === null) continue
      if (after.version > this.#toldThrough) this.#leaving.set(after.version, this.current)
      this.#known = [...this.#known, after]
    }
    return this.current !== before
  }

  /** What follows when `value` is chosen in `slot`, the next one; `null` when nothing does. */
  after(slot: Slot, value: Uint8Array | undefined): Electorate | null {
    const { configuration, isWhole } = this.current
    // Where the host has said for good who votes, no entry says otherwise.
    const entry = value === undefined || !isWhole ? null : membersEntryIn(value)
    if (entry === null) return null
    const next = configurationAfter(configuration, slot, entry)
    return next === configuration ? null : new Electorate(next)
  }

  /** A snapshot took the place of the slots through its own. */
  install({ through, members, configuration }: Snapshot): void {
    this.#through = through
    this.#plain = members
    if (configuration === undefined || !this.current.isWhole) return
    this.#known = [new Electorate(decodeConfiguration(configuration))]
  }

  /** What a snapshot of the slots through `through` says. What is older is forgotten. */
  at(through: Slot): SnapshotMembers {
    const governing = this.#known.findLast(({ version }) => version <= through) ?? this.current
    this.#known = this.#known.filter(({ version }) => version >= governing.version)
    const { configuration, isWhole } = governing
    if (!isWhole) return { members: this.#plain }
    const members = configuration.members.map(({ id, address }) => ({ id, address }))
    return { members, configuration: encodeConfiguration(configuration) }
  }

  /** Who votes, or voted in a configuration from which the change is not complete yet. */
  get told(): ReadonlySet<NodeId> {
    const told = new Set(this.current.quorums.acceptors)
    for (const { quorums } of this.#leaving.values()) {
      for (const id of quorums.acceptors) told.add(id)
    }
    return told
  }

  /** The newest version that is known to be complete. */
  get complete(): Slot {
    return this.#complete
  }

  noteComplete(version: Slot): void {
    this.#complete = Math.max(this.#complete, version)
  }

  /** Who has left by that version, or before, need not be told any more. */
  bidFarewell(version: Slot): void {
    this.#toldThrough = Math.max(this.#toldThrough, version)
    for (const by of this.#leaving.keys()) if (by <= version) this.#leaving.delete(by)
  }
}
