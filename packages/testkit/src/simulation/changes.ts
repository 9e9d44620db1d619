/**
 * What operators asked for, what they were told, and what came of it in the log: a change that resolved
 * was made once, and one that was refused for good is never made. Each change that somebody joins or moves by has
 * an address of its own, by which it is known. Must never count a change as made that only a node says
 * is made.
 */
import type { NodeId, Slot } from '@paxos/core'
import { votersOf } from '@paxos/core/multi'
import type { Configuration } from '@paxos/core/multi'
import type { MembersChange } from '@paxos/replica'
import type { Report } from './violation.ts'

/** How many of what operators asked for came to what, and what was made in the log. */
export interface ChangeCounts {
  readonly asked: number
  readonly completed: number
  /** With a reason, for good or not, before anything was changed. */
  readonly refused: number
  /** Somebody else had changed the members meanwhile. */
  readonly conflicts: number
  /** A new voter had not caught up, and stays a learner. */
  readonly notPromoted: number
  /** Nobody said in time what came of it. */
  readonly timedOut: number
  /** Attempts whose node was over, or lost its power, before it answered. */
  readonly cut: number
  /** Configurations that were chosen, joins and removals among them. */
  readonly made: number
  readonly joins: number
  readonly removals: number
}

/** What one change came to, as its operator knows. */
export type Ending = Exclude<keyof ChangeCounts, 'asked' | 'cut' | 'made' | 'joins' | 'removals'>

/** A change that an operator wants. */
export interface Intention {
  readonly change: MembersChange
  /** The version that it is to take the place of. */
  readonly expected: Slot
  /** The newest that the next of its steps may take the place of. */
  replaces: Slot
  /** The addresses by which it is known: nobody had them before. */
  readonly addresses: readonly string[]
  attempts: number
  ending: Ending | null
  /** Whether it may be made though it has ended. */
  mayBeMade: boolean
  endedAtMs: number
}

/** So long what nobody waits for any more may be on its way, in milliseconds. */
const LINGERS_MS = 15_000

/** What was asked for in one run. */
export class Changes {
  readonly #report: Report
  readonly #intentions: Intention[] = []
  readonly #used = new Set<string>()
  /** By address: how often somebody has come to have it. */
  readonly #appeared = new Map<string, number>()
  readonly #counts: { -readonly [Name in keyof ChangeCounts]: number } = {
    asked: 0,
    completed: 0,
    refused: 0,
    conflicts: 0,
    notPromoted: 0,
    timedOut: 0,
    cut: 0,
    made: 0,
    joins: 0,
    removals: 0,
  }

  constructor(report: Report) {
    this.#report = report
  }

  get counts(): ChangeCounts {
    return { ...this.#counts }
  }

  /** What may yet come about: all that did not end by saying that it never will. */
  possible(nowMs: number, version: Slot): readonly Intention[] {
    return this.#intentions.filter(({ ending, endedAtMs, replaces, mayBeMade }) => {
      if (ending === null) return true
      return mayBeMade && (nowMs < endedAtMs + LINGERS_MS || replaces >= version)
    })
  }

  begin(change: MembersChange, expected: Slot): Intention {
    const addresses = addressesIn(change).filter((address) => !this.#used.has(address))
    for (const address of addresses) this.#used.add(address)
    const asked = { change, expected, replaces: expected, addresses }
    const intention = { ...asked, attempts: 0, ending: null, mayBeMade: true, endedAtMs: 0 }
    this.#intentions.push(intention)
    this.#counts.asked += 1
    return intention
  }

  /** The node that was asked is over. */
  cut(): void {
    this.#counts.cut += 1
  }

  /** The operator knows what came of it, or gives up: then, or where it is told so, it may be made yet. */
  end(intention: Intention, ending: Ending, nowMs: number, mayBeMade = false): void {
    intention.ending = ending
    intention.mayBeMade = mayBeMade || ending === 'timedOut'
    intention.endedAtMs = nowMs
    this.#counts[ending] += 1
    this.#judge(intention)
  }

  /** Others are members by the log. */
  made(before: Configuration, after: Configuration): void {
    this.#counts.made += 1
    const [old, now] = [before, after].map(({ members }) => members)
    const ids = new Set(old?.map(({ id }) => id))
    const kept = new Set(now?.map(({ id }) => id))
    this.#counts.joins += [...kept].filter((id) => !ids.has(id)).length
    this.#counts.removals += [...ids].filter((id) => !kept.has(id)).length
    const addresses = new Set(old?.map(({ address }) => address))
    for (const { address } of after.members) {
      if (addresses.has(address)) continue
      this.#appeared.set(address, (this.#appeared.get(address) ?? 0) + 1)
    }
    for (const intention of this.#intentions) {
      // It may be a step of that one, and then the next takes its place.
      if (concerns(intention.change, before, after)) intention.replaces = after.version
      this.#judge(intention)
    }
  }

  #judge({ addresses, expected, ending, mayBeMade }: Intention): void {
    for (const address of addresses) {
      const times = this.#appeared.get(address) ?? 0
      if (times > 1) {
        this.#report('changed-as-told', null, `A change to ${address} is made ${times} times.`)
      }
      if (ending === 'completed' && times === 0) {
        this.#report('changed-as-told', null, `A change to ${address} resolved, and was not made.`)
      }
      if (ending === 'refused' && !mayBeMade && times > 0) {
        const problem = `A change to ${address} of version ${expected} was refused for good, and is made.`
        this.#report('changed-as-told', null, problem)
      }
    }
  }
}

/** Whether somebody of whom a change speaks is another member than before. */
function concerns(
  { add, renew, promote }: MembersChange,
  ...both: readonly Configuration[]
): boolean {
  const ids = [...Object.keys({ ...add, ...renew }), ...(promote ?? [])]
  return ids.some((each) => {
    const [before, after] = both.map(({ members }) => members.find(({ id }) => id === each))
    return JSON.stringify(before) !== JSON.stringify(after)
  })
}

/** Where somebody comes to be, who was elsewhere before. */
function addressesIn({ add = {}, move = {} }: MembersChange): readonly string[] {
  return [...Object.values(add).map(({ address }) => address), ...Object.values(move)]
}

/** Who would vote behind `change`. */
export function votersAfter(
  configuration: Pick<Configuration, 'members'>,
  change: MembersChange,
): ReadonlySet<NodeId> {
  const { add = {}, remove = [], renew = {}, promote = [], demote = [] } = change
  const voters = new Set(votersOf(configuration).map(({ id }) => id))
  for (const [id, { role = 'voter' }] of Object.entries(add)) if (role === 'voter') voters.add(id)
  for (const id of [...Object.keys(renew), ...promote]) voters.add(id)
  for (const id of [...remove, ...demote]) voters.delete(id)
  return voters
}
