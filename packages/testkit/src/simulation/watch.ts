/**
 * Watches a cluster from outside: everything that its nodes write to their disks, send and apply
 * goes through here, and the first broken promise is kept. It keeps a picture of its own of what is
 * durable on each node. Must never change what the nodes do.
 */
import { compareBallots } from '@paxos/core'
import type { Ballot, Change, NodeId, Saved, Slot } from '@paxos/core'
import type { MultiPaxosMessage } from '@paxos/core/multi'

export type Invariant =
  /** No two nodes differ on a chosen slot. */
  | 'agreement'
  /** A ballot proposes one value in a slot. */
  | 'one value a ballot'
  /** What a node says of its disk is on its disk. */
  | 'durable before sent'
  /** An acceptor goes back on nothing that it made durable. */
  | 'promises are kept'
  /** Whatever a client was told is on the disks of a quorum. */
  | 'acknowledged on a quorum'
  /** State machines that applied the same slots are equal. */
  | 'equal state machines'
  | 'linearizability'
  /** Without faults a command commits within a bounded time. */
  | 'liveness'
  /** And all nodes come to the same state. */
  | 'convergence'
  /** A node stops by itself only when its disk has failed. */
  | 'no stop without a reason'

/** A broken promise. */
export interface Violation {
  readonly invariant: Invariant
  readonly message: string
}

/** What is durable on one node. */
interface Picture {
  promised: Ballot | null
  readonly entries: Map<Slot, { readonly ballot: Ballot; readonly value: string }>
  snapshotThrough: Slot
  chosenThrough: Slot
  /** Its chosen slots through this one were compared with those of the others. */
  comparedThrough: Slot
}

export class Watch {
  readonly #pictures: ReadonlyMap<NodeId, Picture>
  readonly #majority: number
  readonly #chosen = new Map<Slot, string>()
  /** By slot and ballot. */
  readonly #proposed = new Map<string, string>()
  readonly #acceptedBy = new Map<string, Set<NodeId>>()
  readonly #digests = new Map<Slot, number>()
  #violation: Violation | null = null

  constructor(nodes: readonly NodeId[]) {
    this.#pictures = new Map(
      nodes.map((id) => [
        id,
        {
          promised: null,
          entries: new Map(),
          snapshotThrough: 0,
          chosenThrough: 0,
          comparedThrough: 0,
        },
      ]),
    )
    this.#majority = Math.floor(nodes.length / 2) + 1
  }

  /** The first broken promise. */
  get violation(): Violation | null {
    return this.#violation
  }

  violate(invariant: Invariant, message: string): void {
    this.#violation ??= { invariant, message }
  }

  /** `id` asks its disk to save `change`. */
  saving(id: NodeId, change: Change): void {
    const picture = this.#picture(id)
    if (change.promised !== undefined && compareBallots(change.promised, picture.promised) < 0) {
      this.violate(
        'promises are kept',
        `${id} saves the promise of ${text(change.promised)} after that of ${text(picture.promised)}`,
      )
    }
    const chosenThrough = Math.max(
      picture.chosenThrough,
      change.chosenThrough ?? 0,
      change.snapshot?.through ?? 0,
    )
    for (const { slot, ballot, value } of change.accepted ?? []) {
      this.#propose(id, slot, ballot, textOf(value))
      if (slot > chosenThrough && compareBallots(ballot, picture.promised) < 0) {
        this.violate(
          'promises are kept',
          `${id} accepts slot ${slot} at ${text(ballot)} after its promise of ${text(picture.promised)}`,
        )
      }
    }
  }

  /** The change is durable. */
  saved(id: NodeId, change: Change): void {
    const picture = this.#picture(id)
    if (change.promised !== undefined) picture.promised = change.promised
    for (const { slot, ballot, value } of change.accepted ?? []) {
      picture.entries.set(slot, { ballot, value: textOf(value) })
      this.#countAcceptance(id, slot, ballot, textOf(value))
    }
    picture.snapshotThrough = Math.max(picture.snapshotThrough, change.snapshot?.through ?? 0)
    picture.chosenThrough = Math.max(
      picture.chosenThrough,
      change.chosenThrough ?? 0,
      picture.snapshotThrough,
    )
    this.#compareChosen(id, picture)
  }

  /** `id` has started, and found this on its disk. What it had made durable must be in it. */
  opened(id: NodeId, saved: Saved): void {
    const picture = this.#picture(id)
    if (compareBallots(saved.promised, picture.promised) < 0) {
      this.violate('promises are kept', `${id} has lost its promise of ${text(picture.promised)}`)
    }
    const found = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
    const through = saved.snapshot?.through ?? 0
    for (const [slot, { ballot }] of picture.entries) {
      if (slot <= through) continue
      if (compareBallots(found.get(slot)?.ballot ?? null, ballot) < 0) {
        this.violate(
          'promises are kept',
          `${id} has lost slot ${slot}, accepted at ${text(ballot)}`,
        )
      }
    }
    const { promised, accepted, snapshot, chosenThrough } = saved
    this.saved(id, {
      ...(promised === null ? {} : { promised }),
      ...(snapshot === null ? {} : { snapshot }),
      accepted,
      chosenThrough,
    })
  }

  /** A message leaves `id`. */
  sending(id: NodeId, message: MultiPaxosMessage): void {
    const { promised, entries, snapshotThrough } = this.#picture(id)
    if (message.type === 'logPromise' || message.type === 'logPrepare') {
      if (compareBallots(promised, message.ballot) >= 0) return
      const says = `${id} sends ${message.type} ${text(message.ballot)}`
      this.violate('durable before sent', `${says}, and ${text(promised)} is durable`)
    }
    if (message.type === 'logAccepted' || message.type === 'logHeartbeatAnswer') {
      const { through } = message
      // What is chosen counts as held: a quorum has it on its disks already.
      if (through <= snapshotThrough || entries.has(through) || this.#chosen.has(through)) return
      this.violate(
        'durable before sent',
        `${id} says that it holds everything through ${through}, which is not durable`,
      )
    }
  }

  /** `id` has applied a command. */
  applied(id: NodeId, slot: Slot, digest: number): void {
    const known = this.#digests.get(slot)
    if (known === undefined) this.#digests.set(slot, digest)
    else if (known !== digest) {
      this.violate('equal state machines', `${id} is in another state after slot ${slot}`)
    }
  }

  /** A client was told that the command of `slot` took place. */
  acknowledged(slot: Slot): void {
    const holders = [...this.#pictures.values()].filter(
      ({ entries, snapshotThrough }) => snapshotThrough >= slot || entries.has(slot),
    )
    if (holders.length >= this.#majority) return
    this.violate(
      'acknowledged on a quorum',
      `slot ${slot} was acknowledged, and ${holders.length} nodes have it on their disks`,
    )
  }

  #picture(id: NodeId): Picture {
    const picture = this.#pictures.get(id)
    if (picture === undefined) throw new TypeError(`${id} is none of the nodes.`)
    return picture
  }

  #propose(id: NodeId, slot: Slot, ballot: Ballot, value: string): void {
    const key = `${slot} ${text(ballot)}`
    const known = this.#proposed.get(key)
    if (known === undefined) this.#proposed.set(key, value)
    else if (known !== value) {
      this.violate('one value a ballot', `${id} accepts another value in slot ${key}`)
    }
  }

  #countAcceptance(id: NodeId, slot: Slot, ballot: Ballot, value: string): void {
    const key = `${slot} ${text(ballot)}`
    const acceptedBy = this.#acceptedBy.get(key) ?? new Set()
    this.#acceptedBy.set(key, acceptedBy.add(id))
    if (acceptedBy.size >= this.#majority) this.#choose(id, slot, value)
  }

  #compareChosen(id: NodeId, picture: Picture): void {
    for (let slot = picture.comparedThrough + 1; slot <= picture.chosenThrough; slot += 1) {
      const entry = picture.entries.get(slot)
      if (entry !== undefined && slot > picture.snapshotThrough) this.#choose(id, slot, entry.value)
    }
    picture.comparedThrough = Math.max(picture.comparedThrough, picture.chosenThrough)
  }

  #choose(id: NodeId, slot: Slot, value: string): void {
    const known = this.#chosen.get(slot)
    if (known === undefined) this.#chosen.set(slot, value)
    else if (known !== value) this.violate('agreement', `${id} has another value in slot ${slot}`)
  }
}

function text(ballot: Ballot | null): string {
  return ballot === null ? 'nothing' : `${ballot.round}.${ballot.node}`
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
}
