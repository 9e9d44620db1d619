/**
 * What must hold after every step of every run of a log, checked from outside: on the disks, the
 * messages and the events, never on an engine's own idea of itself. A check that does not hold
 * throws.
 */
import { compareBallots, formatBallot, sameBallot } from '@paxos/core'
import type { AcceptedEntry, Ballot, NodeId, QuorumSystem, Saved, Slot } from '@paxos/core'
import type { LogEffects, LogEvent, MultiPaxosMessage } from '@paxos/core/multi'
import { showBytes, showLogMessage } from './trace.ts'

/** Values that were long to write down, as they were then: each is looked at many times. */
const written = new WeakMap<Uint8Array, { readonly copy: Buffer; readonly text: string }>()
const LONG_BYTES = 1024

function hex(value: Uint8Array): string {
  if (value.length < LONG_BYTES) return Buffer.from(value).toString('hex')
  const known = written.get(value)
  if (known !== undefined && known.copy.equals(value)) return known.text
  const copy = Buffer.from(value)
  const text = copy.toString('hex')
  written.set(value, { copy, text })
  return text
}

/** Watches one cluster. */
export class LogSafety {
  readonly #quorums: QuorumSystem
  readonly #proposed = new Set<string>(['00'])
  /** By ballot and slot: the value that was ever proposed or stored there. */
  readonly #values = new Map<string, string>()
  /** By slot and ballot: whose disks have ever held an acceptance there. */
  readonly #holders = new Map<string, Set<NodeId>>()
  /** By slot: the value that is chosen, and the lowest ballot at which it is known to be. */
  readonly #chosen = new Map<Slot, { value: string; ballot: Ballot }>()
  readonly #bases = new Map<string, Slot>()
  readonly #preparedIn = new Map<string, number>()
  readonly #promisedBy = new Map<string, Set<NodeId>>()
  readonly #promiseSent = new Map<NodeId, Ballot>()
  readonly #lives = new Map<NodeId, number>()
  readonly #told = new Map<NodeId, Slot>()
  readonly #leads = new Map<NodeId, Ballot>()
  /** By node and read: the highest slot that anybody had been told when the read was asked. */
  readonly #reads = new Map<string, Slot>()
  #toldByAnybody = 0

  constructor(quorums: QuorumSystem) {
    this.#quorums = quorums
  }

  /** The value that is chosen in `slot`, in hexadecimal; `null` when none is. */
  chosenIn(slot: Slot): string | null {
    return this.#chosen.get(slot)?.value ?? null
  }

  /** Through which slot everything is chosen, whoever knows it. */
  get chosenThrough(): Slot {
    let slot = 0
    while (this.#chosen.has(slot + 1)) slot += 1
    return slot
  }

  proposed(values: readonly Uint8Array[]): void {
    for (const value of values) this.#proposed.add(hex(value))
  }

  started(id: NodeId, saved: Saved): void {
    this.#lives.set(id, (this.#lives.get(id) ?? 0) + 1)
    this.#leads.delete(id)
    this.#told.set(id, saved.snapshot?.through ?? 0)
  }

  readAsked(id: NodeId, read: number): void {
    this.#reads.set(`${id} ${read}`, this.#toldByAnybody)
  }

  /** A save became durable. */
  saved(id: NodeId, before: Saved, after: Saved): void {
    check(compareBallots(after.promised, before.promised) >= 0, `${id} takes back a promise`)
    check(after.chosenThrough >= before.chosenThrough, `${id} forgets what is chosen`)
    const [old, now] = [before.snapshot?.through ?? 0, after.snapshot?.through ?? 0]
    check(now >= old, `${id} goes back to an older snapshot`)
    check(now <= after.chosenThrough, `${id} has a snapshot of what it does not know to be chosen`)
    const had = new Map(before.accepted.map((entry) => [entry.slot, entry]))
    for (const entry of after.accepted) this.#savedEntry(id, had.get(entry.slot), entry, before)
    const kept = new Set(after.accepted.map(({ slot }) => slot))
    for (const { slot } of before.accepted) {
      check(kept.has(slot) || slot <= now, `${id} takes back what it accepted in ${slot}`)
    }
    for (let slot = now + 1; slot <= after.chosenThrough; slot += 1) {
      check(kept.has(slot), `${id} knows ${slot} to be chosen, but does not hold it`)
    }
    for (const { slot, value } of after.accepted) {
      if (slot <= after.chosenThrough) this.#checkChosen(id, slot, value)
    }
  }

  stepped(id: NodeId, { send, events }: LogEffects, disk: Saved): void {
    const led = [this.#leads.get(id) ?? null]
    for (const event of events) {
      this.#tell(id, event, disk)
      if (event.type === 'leadership-acquired') led.push(event.ballot)
    }
    for (const { message } of send) this.#sent(id, message, disk, led)
  }

  released(id: NodeId, message: MultiPaxosMessage, disk: Saved): void {
    this.#sent(id, message, disk, [this.#leads.get(id) ?? null])
  }

  #savedEntry(id: NodeId, old: AcceptedEntry | undefined, now: AcceptedEntry, before: Saved): void {
    if (old !== undefined && sameBallot(old.ballot, now.ballot)) return
    const { slot, ballot, value } = now
    const what = `${id} accepts ${showBytes(value)} at ${formatBallot(ballot)} in ${slot}`
    check(compareBallots(ballot, old?.ballot ?? null) > 0, `${what}, taking back a later one`)
    const isBelow = compareBallots(ballot, before.promised) < 0
    check(!isBelow || this.#chosen.get(slot)?.value === hex(value), `${what}, below its promise`)
    this.#checkOneValue(what, ballot, slot, value)
    const name = `${slot} ${formatBallot(ballot)}`
    const holders = this.#holders.get(name) ?? new Set()
    this.#holders.set(name, holders.add(id))
    if (this.#quorums.isPhase2Quorum(holders)) this.#choose(slot, ballot, hex(value))
  }

  #choose(slot: Slot, ballot: Ballot, value: string): void {
    const chosen = this.#chosen.get(slot)
    check(this.#proposed.has(value), `in ${slot} something is chosen that nobody proposed`)
    check((chosen?.value ?? value) === value, `two values are chosen in slot ${slot}`)
    const isLower = chosen === undefined || compareBallots(ballot, chosen.ballot) < 0
    if (isLower) this.#chosen.set(slot, { value, ballot })
  }

  #tell(id: NodeId, event: LogEvent, disk: Saved): void {
    if (event.type === 'chosen') {
      check(
        event.first === (this.#told.get(id) ?? 0) + 1,
        `${id} is told ${event.first} out of turn`,
      )
      event.values.forEach((value, index) => this.#checkChosen(id, event.first + index, value))
      this.#wasTold(id, event.first + event.values.length - 1)
    } else if (event.type === 'snapshot-installed') {
      const { through } = event.snapshot
      check(through > (this.#told.get(id) ?? 0), `${id} installs an old snapshot`)
      check(through <= this.chosenThrough, `${id} installs a snapshot of what is not chosen`)
      this.#wasTold(id, through)
    } else if (event.type === 'leadership-acquired') {
      check(!this.#leads.has(id), `${id} acquires a leadership that it has`)
      const promised = new Set(this.#promisedBy.get(formatBallot(event.ballot)))
      if (sameBallot(disk.promised, event.ballot)) promised.add(id)
      check(this.#quorums.isPhase1Quorum(promised), `${id} leads without the promises of a quorum`)
      this.#leads.set(id, event.ballot)
    } else if (event.type === 'leadership-lost') {
      check(this.#leads.delete(id), `${id} loses a leadership that it did not have`)
    } else if (event.type === 'read-ready') {
      const least = this.#reads.get(`${id} ${event.id}`) ?? Infinity
      check(event.slot >= least, `${id} reads at ${event.slot}, but ${least} was known before`)
    }
  }

  #wasTold(id: NodeId, slot: Slot): void {
    this.#told.set(id, slot)
    this.#toldByAnybody = Math.max(this.#toldByAnybody, slot)
  }

  #sent(
    from: NodeId,
    message: MultiPaxosMessage,
    disk: Saved,
    led: readonly (Ballot | null)[],
  ): void {
    const what = `${from} sends ${showLogMessage(message)}`
    if (message.type === 'logPrepare') this.#sentPrepare(what, from, message.ballot, disk)
    if (message.type === 'logPromise') {
      check(compareBallots(disk.promised, message.ballot) >= 0, `${what} before it is durable`)
      check(this.#isNewest(from, message.ballot), `${what} after a higher promise`)
      this.#promiseSent.set(from, message.ballot)
      const isLast = message.next === 0 && message.compactedThrough < message.from
      const name = formatBallot(message.ballot)
      const promisedBy = this.#promisedBy.get(name) ?? new Set()
      if (isLast) this.#promisedBy.set(name, promisedBy.add(from))
    }
    if (message.type === 'logAccept' || message.type === 'logHeartbeat') {
      check(
        led.some((ballot) => sameBallot(ballot, message.ballot)),
        `${what}, not leading`,
      )
      const known = this.#bases.get(formatBallot(message.ballot)) ?? message.base
      check(known === message.base, `${what} with another base`)
      this.#bases.set(formatBallot(message.ballot), message.base)
      check(message.chosenThrough <= this.chosenThrough, `${what}, which is not chosen`)
    }
    if (message.type === 'logAccept') {
      message.values.forEach((value, index) => {
        this.#checkProposal(what, message.ballot, message.first + index, value)
      })
    }
    if (message.type === 'logAccepted' || message.type === 'logHeartbeatAnswer') {
      check(this.#isNewest(from, message.ballot), `${what} after a higher promise`)
      this.#checkHeld(what, message.ballot, message.through, disk)
    }
    if (message.type === 'fetched') {
      for (const { slot, value } of message.entries) this.#checkChosen(from, slot, value)
    }
  }

  #sentPrepare(what: string, from: NodeId, ballot: Ballot, disk: Saved): void {
    const name = formatBallot(ballot)
    const life = this.#lives.get(from) ?? 0
    check(ballot.node === from, `${what}, which is another's ballot`)
    check((this.#preparedIn.get(name) ?? life) === life, `${what}, used before a restart`)
    check(compareBallots(disk.promised, ballot) >= 0, `${what} before it is durable`)
    this.#preparedIn.set(name, life)
  }

  #isNewest(from: NodeId, ballot: Ballot): boolean {
    return compareBallots(ballot, this.#promiseSent.get(from) ?? null) >= 0
  }

  #checkHeld(what: string, ballot: Ballot, through: Slot, disk: Saved): void {
    const held = new Map(disk.accepted.map((entry) => [entry.slot, entry.ballot]))
    for (let slot = this.#bases.get(formatBallot(ballot)) ?? 1; slot <= through; slot += 1) {
      const isHeld = sameBallot(held.get(slot) ?? null, ballot) || this.#chosen.has(slot)
      check(isHeld, `${what}, but its disk does not hold ${slot}`)
    }
  }

  #checkProposal(what: string, ballot: Ballot, slot: Slot, value: Uint8Array): void {
    check(this.#proposed.has(hex(value)), `${what}, which nobody proposed`)
    this.#checkOneValue(what, ballot, slot, value)
    const chosen = this.#chosen.get(slot)
    if (chosen === undefined || compareBallots(ballot, chosen.ballot) <= 0) return
    check(
      chosen.value === hex(value),
      `${what}, but ${chosen.value} was chosen below it in ${slot}`,
    )
  }

  #checkOneValue(what: string, ballot: Ballot, slot: Slot, value: Uint8Array): void {
    const name = `${slot} ${formatBallot(ballot)}`
    check(
      (this.#values.get(name) ?? hex(value)) === hex(value),
      `${what}: two values at one ballot`,
    )
    this.#values.set(name, hex(value))
  }

  #checkChosen(id: NodeId, slot: Slot, value: Uint8Array): void {
    const what = `${id} takes ${showBytes(value)} for chosen in slot ${slot}`
    const chosen = this.chosenIn(slot)
    check(chosen !== null, `${what} before a quorum of disks holds it`)
    check(chosen === hex(value), `${what}, but it is ${chosen}`)
  }
}

function check(condition: boolean, problem: string): void {
  if (!condition) throw new Error(`Unsafe: ${problem}.`)
}
