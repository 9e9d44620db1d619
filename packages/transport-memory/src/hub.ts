/**
 * The in-process network of one test or one page. It carries copies of frames between transports,
 * asynchronously, and mistreats them from a seed. It must never share bytes between a sender and a
 * receiver, deliver inside a call, or keep a timer once its last transport has closed.
 */
import {
  InvalidArgumentError,
  requireFunction,
  requireMethods,
  requireOptions,
  TransportError,
} from '@paxos/core'
import type { NodeId, Transport } from '@paxos/core'
import { Bottleneck } from './bottleneck.ts'
import type { Parcel } from './bottleneck.ts'
import { CAPACITIES, changeCapacity, UNLIMITED } from './capacity.ts'
import type { Capacity } from './capacity.ts'
import { changeFaults, FAULTS, NO_FAULTS, rollFate } from './faults.ts'
import type { Faults } from './faults.ts'
import { objection } from './door.ts'
import { emptyLink, enqueue, takeDue, takeFirst } from './link.ts'
import type { Flight, Link } from './link.ts'
import { seededRandom } from './random.ts'
import { platformScheduler } from './scheduler.ts'
import type { Scheduler } from './scheduler.ts'
import { attach } from './transport.ts'
import type { Ending, Endpoint, Network, Route } from './transport.ts'

/** How a hub is made. Faults may be changed later with setFaults, capacities with setLinks. */
export interface MemoryHubOptions extends Partial<Faults>, Partial<Capacity> {
  /** An integer from 0 to 2^32 - 1. Default 1. */
  readonly seed?: number
  /** Where timers come from. Default: the platform's setTimeout and clearTimeout. */
  readonly scheduler?: Scheduler
  /** Told what becomes of every frame, as it happens. Must not throw. */
  readonly observe?: (trace: Trace) => void
}

/** What became of a frame. */
export interface Trace {
  readonly from: NodeId
  readonly to: NodeId
  /** A copy: the observer's own. */
  readonly frame: Uint8Array
  readonly outcome: Outcome
}

/**
 * 'duplicated' tells of one copy more; every copy then ends in exactly one of the others. 'dropped'
 * made room in a full queue, or found none; 'too-large' was above the link's maxFrameBytes;
 * 'unreachable' found no such node there, or one that does not have the sender in its address book;
 * 'refused' found a node of another cluster, or one of the two another incarnation than it expects.
 */
export type Outcome = 'duplicated' | Ending

/** A frame, or one copy of it. */
interface Sent {
  readonly frame: Uint8Array
  readonly route: Route
  readonly isDuplicate?: boolean
}

/** A network, and the switches of its faults. Each may be used at any time. */
export interface MemoryHub {
  /** A new transport on this network: what memory({ hub }) returns. */
  transport(): Transport
  /**
   * Changes the faults that are named, for frames sent from now on. Throws InvalidArgumentError
   * for a number out of range, and then changes nothing.
   */
  setFaults(changes: Partial<Faults>): void
  /**
   * Changes what every direction of every link carries, those between nodes that are still to come
   * included, and what setLink said of the same property. It holds within 100 ms, also for frames
   * that wait; maxFrameBytes, for frames sent from now on. Throws InvalidArgumentError for a number
   * out of range, and then changes nothing.
   */
  setLinks(changes: Partial<Capacity>): void
  /** As setLinks, for one direction: a link may be asymmetric. */
  setLink(from: NodeId, to: NodeId, changes: Partial<Capacity>): void
  /**
   * Splits the network: two nodes can talk only if one of the groups holds both, or none holds
   * either. A node may be in several groups. Replaces an earlier partition.
   */
  partition(...groups: readonly (readonly NodeId[])[]): void
  /** Cuts one direction. What is already on its way does not arrive either. */
  cut(from: NodeId, to: NodeId): void
  /** Ends the partition and every cut. Frames that met them stay lost. */
  heal(): void
  /** `node` receives nothing until it is thawed: it waits, bounded like all that is on its way. */
  freeze(node: NodeId): void
  /** `node` receives what waited for it, soon and in order, and what comes. */
  thaw(node: NodeId): void
}

/**
 * Makes a network of its own. Throws InvalidArgumentError for a number out of range, and for an option
 * that is not known.
 */
export function memoryHub(options: MemoryHubOptions = {}): MemoryHub {
  requireOptions('memoryHub()', options, ['seed', 'scheduler', 'observe', ...FAULTS, ...CAPACITIES])
  const { seed = 1, scheduler = platformScheduler, observe } = options
  requireMethods('scheduler', scheduler, ['setTimeout', 'clearTimeout'], 'an object with both')
  requireFunction('observe', observe)
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new InvalidArgumentError(`The seed is ${seed}. Give an integer from 0 to 2^32 - 1.`)
  }
  const random = seededRandom(seed)
  const endpoints = new Map<string, Endpoint>()
  const links = new Map<NodeId, Map<NodeId, Link>>()
  const frozen = new Set<NodeId>()
  let faults = changeFaults(NO_FAULTS, options)
  let capacity = changeCapacity(UNLIMITED, options)
  let groups: readonly ReadonlySet<NodeId>[] = []

  function linkOf(from: NodeId, to: NodeId): Link {
    let outgoing = links.get(from)
    if (outgoing === undefined) links.set(from, (outgoing = new Map()))
    let link = outgoing.get(to)
    if (link === undefined) outgoing.set(to, (link = newLink(from, to)))
    return link
  }

  function newLink(from: NodeId, to: NodeId): Link {
    const bottleneck = new Bottleneck(capacity, scheduler, {
      leave: (parcel) => depart(link, parcel),
      drop: (parcel) => trace(link, parcel, 'dropped'),
    })
    const link = emptyLink(from, to, bottleneck)
    return link
  }

  function allLinks(): Link[] {
    return [...links.values()].flatMap((outgoing) => [...outgoing.values()])
  }

  function trace(
    { from, to }: Link,
    { frame, route, isDuplicate = false }: Sent,
    outcome: Outcome,
  ) {
    if (outcome !== 'duplicated') route.sender.told(to, outcome, isDuplicate)
    observe?.({ from, to, frame: new Uint8Array(frame), outcome })
  }

  function isCut(link: Link): boolean {
    if (link.cut) return true
    if (groups.some((group) => group.has(link.from) && group.has(link.to))) return false
    return groups.some((group) => group.has(link.from) || group.has(link.to))
  }

  function send(to: NodeId, route: Route, frame: Uint8Array): void {
    const link = linkOf(route.sender.id, to)
    const fate = rollFate(faults, random)
    if (isCut(link)) return trace(link, { frame, route }, 'cut')
    const { bottleneck } = link
    if (frame.byteLength > bottleneck.capacity.maxFrameBytes) {
      return trace(link, { frame, route }, 'too-large')
    }
    // Not frame.slice(): the slice of a Buffer shares its memory.
    bottleneck.send({ frame: new Uint8Array(frame), route, fate })
  }

  /** The link has carried the frame: what is lost later has taken its time as well. */
  function depart(link: Link, parcel: Parcel): void {
    const { frame, route, fate } = parcel
    if (fate.lost) return trace(link, parcel, 'lost')
    if (fate.copies.length > 1) trace(link, parcel, 'duplicated')
    for (const [copy, { delayMs, overtake }] of fate.copies.entries()) {
      const flight: Flight = {
        frame: copy > 0 ? new Uint8Array(frame) : frame,
        route,
        isDuplicate: copy > 0,
        timer: null,
        due: false,
      }
      const dropped = enqueue(link, flight, overtake)
      for (const oldest of dropped) discard(link, oldest, 'dropped')
      if (dropped.length > 0) wakeFirst(link)
      startTimer(link, flight, delayMs)
    }
  }

  function startTimer(link: Link, flight: Flight, delayMs: number): void {
    flight.due = false
    flight.timer = scheduler.setTimeout(() => {
      flight.due = true
      deliverDue(link)
    }, delayMs)
  }

  /** For when the first is due and no timer of its own will make it arrive any more. */
  function wakeFirst(link: Link): void {
    const first = link.flights[0]
    if (first?.due === true && !frozen.has(link.to)) startTimer(link, first, 0)
  }

  function deliverDue(link: Link): void {
    while (link.flights[0]?.due === true && !frozen.has(link.to)) {
      const flight = takeFirst(link)
      if (flight !== undefined) arrive(link, flight)
    }
  }

  function arrive(link: Link, flight: Flight): void {
    if (isCut(link)) return trace(link, flight, 'cut')
    const { sender, address, expected } = flight.route
    const endpoint = endpoints.get(address)
    if (endpoint === undefined || endpoint.id !== link.to) return trace(link, flight, 'unreachable')
    const entry = endpoint.entryOf(sender.id)
    if (entry === undefined) {
      const who = `A frame is of ${JSON.stringify(sender.id)}, who is not in the address book.`
      endpoint.refuse(sender.id, `${who} Is its id right?`)
      return trace(link, flight, 'unreachable')
    }
    const reason =
      objection(sender, endpoint, expected) ?? objection(endpoint, sender, entry.incarnation)
    if (reason !== null) {
      for (const [one, other] of [
        [sender, endpoint],
        [endpoint, sender],
      ] as const) {
        one.refuse(other.id, reason)
      }
      return trace(link, flight, 'refused')
    }
    trace(link, flight, 'delivered')
    sender.met(endpoint)
    endpoint.met(sender)
    endpoint.receive(sender.id, flight.frame)
  }

  function discard(link: Link, flight: Flight, outcome: Outcome): void {
    if (!flight.due) scheduler.clearTimeout(flight.timer)
    trace(link, flight, outcome)
  }

  function abandon(link: Link): void {
    for (let f = takeFirst(link); f; f = takeFirst(link)) discard(link, f, 'unreachable')
    for (const parcel of link.bottleneck.clear()) trace(link, parcel, 'unreachable')
  }

  const network: Network = {
    bind(endpoint) {
      if (endpoints.has(endpoint.address)) {
        throw new TransportError(
          'ERR_PAXOS_ADDRESS_IN_USE',
          `${endpoint.address} is taken on this hub. Close the transport there, or take another name.`,
        )
      }
      endpoints.set(endpoint.address, endpoint)
    },
    unbind(endpoint) {
      endpoints.delete(endpoint.address)
      for (const link of allLinks()) {
        for (const flight of takeDue(link, endpoint.address)) discard(link, flight, 'unreachable')
        // The network outlives its nodes, so that frames can arrive after a restart; its timers
        // do not outlive the last one.
        if (endpoints.size > 0) wakeFirst(link)
        else abandon(link)
      }
    },
    send,
  }

  return {
    transport: () => attach(network),
    setFaults(changes) {
      requireOptions('setFaults', changes, FAULTS)
      faults = changeFaults(faults, changes)
    },
    setLinks(changes) {
      requireOptions('setLinks', changes, CAPACITIES)
      capacity = changeCapacity(capacity, changes)
      for (const { bottleneck } of allLinks()) {
        bottleneck.capacity = changeCapacity(bottleneck.capacity, changes)
      }
    },
    setLink(from, to, changes) {
      requireOptions('setLink', changes, CAPACITIES)
      const { bottleneck } = linkOf(from, to)
      bottleneck.capacity = changeCapacity(bottleneck.capacity, changes)
    },
    partition(...newGroups) {
      groups = newGroups.map((group) => new Set(group))
    },
    cut(from, to) {
      linkOf(from, to).cut = true
    },
    heal() {
      groups = []
      for (const link of allLinks()) link.cut = false
    },
    freeze(node) {
      frozen.add(node)
    },
    thaw(node) {
      frozen.delete(node)
      for (const link of allLinks()) if (link.to === node) wakeFirst(link)
    },
  }
}
