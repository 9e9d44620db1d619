/**
 * A medium in memory, in which a test decides what happens next: every interleaving of dialling,
 * greeting, sending, closing and breaking can be had, and time is virtual. It keeps what TCP keeps:
 * each direction of a channel has its order.
 */
import type { NodeId } from '@paxos/core'
import { CLOSE_TIMEOUT_MS, links } from '@paxos/adapter-kit/links'
import type {
  Channel,
  ChannelEvents,
  Clock,
  LinkMedium,
  LinkPlatform,
  LinkTransport,
  OpenChannel,
  Visitor,
} from '@paxos/adapter-kit/links'

/** Something that will happen. Those of one lane happen in order. */
type Lane = (() => void)[]

/** One end of a channel. */
interface End {
  readonly owner: NodeId
  readonly incoming: Lane
  events: ChannelEvents | null
  isOpen: boolean
  isWriting: boolean
  saidGoodbye: boolean
  heardGoodbye: boolean
  isClosed: boolean
}

interface Link {
  readonly ends: readonly [End, End]
  isSilent: boolean
}

/** One end of a channel that is no node's. */
export interface Stranger {
  readonly channel: Channel
  /** What has come, in hexadecimal. */
  readonly messages: string[]
  isClosed: boolean
}

/** A network, and what may happen on it. */
export interface Network {
  /** A node that is not open; its address is its id. */
  node(id: NodeId, medium?: Partial<LinkMedium>): LinkTransport
  /** Somebody who dials an address, and does what a test says. */
  visit(to: NodeId, as?: Omit<Visitor, 'open'>): Stranger
  /** Somebody at an address who is no node, and gives everybody the same answer to what comes first. */
  stand(at: NodeId, onVisit: (stranger: Stranger) => void, answer: readonly Uint8Array[]): void
  /** Lets one thing happen, of those that can. False when nothing can. */
  step(choice: number): boolean
  /** Lets time go by, and everything happen in it, in any order that `choose` likes. */
  run(durationMs: number, choose: () => number): void
  /** Lets time go by while the network stands still. */
  stall(durationMs: number): void
  /** Ends a living channel for both, as a broken network does that says so. */
  sever(choice: number): void
  /** Loses everything on a living channel from now on, as a network that says nothing. */
  silence(choice: number): void
  /** Ends everything of a node that was killed. The others notice. */
  kill(id: NodeId): void
  /** The channels that at least one end has not closed. */
  readonly living: number
  /** From here on what a node gives to its channels is not written. */
  hold(id: NodeId): void
  /** It is written, and from here on as before. */
  release(id: NodeId): void
  /** Every group of messages that was given to a channel at once. */
  readonly writes: readonly (readonly Uint8Array[])[]
  /** Who has dialled, in order. */
  readonly dials: readonly NodeId[]
  /** The virtual time. */
  readonly nowMs: number
}

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

/** A network without nodes. `random` decides the jitter of the nodes. */
export function network(random: () => number): Network {
  const lanes = new Set<Lane>()
  const servers = new Map<NodeId, (visitor: Visitor) => void>()
  const channels = new Set<Link>()
  const timers = new Set<Timer>()
  const lives = new Map<NodeId, { isDead: boolean }>()
  const dials: NodeId[] = []
  const writes: (readonly Uint8Array[])[] = []
  /** What is to be written by nodes that are held. */
  const held = new Map<NodeId, (() => void)[]>()
  let nowMs = 0

  const clock: Clock = {
    now: () => nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  }

  function lane(): Lane {
    const made: Lane = []
    lanes.add(made)
    return made
  }

  function end(owner: NodeId): End {
    return {
      owner,
      incoming: lane(),
      events: null,
      isOpen: false,
      isWriting: false,
      saidGoodbye: false,
      heardGoodbye: false,
      isClosed: false,
    }
  }

  function dial(
    from: NodeId,
    to: NodeId,
    events: ChannelEvents,
    as: Omit<Visitor, 'open'> = {},
  ): Channel {
    dials.push(from)
    const ends = [end(from), end(to)] as const
    const [near, far] = ends
    const channel = { ends, isSilent: false }
    near.events = events
    channels.add(channel)
    far.incoming.push(() => {
      const accept = servers.get(to)
      if (accept === undefined) {
        closeBoth(channel)
        return
      }
      far.isOpen = true
      accept({
        open(farEvents) {
          far.events = farEvents
          return channelEnd(channel, far, near)
        },
        ...as,
      })
      near.incoming.push(() => {
        near.isOpen = true
        events.onOpen()
      })
    })
    return channelEnd(channel, near, far)
  }

  function channelEnd(channel: Link, own: End, other: End): Channel {
    function transmit(what: () => void): void {
      if (!channel.isSilent && !other.isClosed) other.incoming.push(what)
    }
    return {
      get writable() {
        return own.isOpen && !own.isWriting
      },
      send(messages) {
        if (!own.isOpen || own.isWriting) throw new Error('It is not writable.')
        own.isWriting = true
        writes.push(messages)
        const write = (): void => {
          for (const message of messages) transmit(() => other.events?.onMessage(message))
          own.incoming.push(() => {
            own.isWriting = false
            own.events?.onWritable()
          })
        }
        const waiting = held.get(own.owner)
        if (waiting === undefined) write()
        else waiting.push(write)
      },
      close() {
        if (own.saidGoodbye || own.isClosed) return
        if (!own.isOpen) closeBoth(channel)
        else sayGoodbye(channel, own, other)
        own.isOpen = false
      },
      destroy() {
        // Who has not been reached yet has nothing to close.
        if (channel.isSilent && other.events !== null) closeEnd(own)
        else closeBoth(channel)
      },
    }
  }

  function sayGoodbye(channel: Link, own: End, other: End): void {
    own.saidGoodbye = true
    clock.after(CLOSE_TIMEOUT_MS, () => closeEnd(own))
    if (channel.isSilent) return
    other.incoming.push(() => {
      other.isOpen = false
      other.heardGoodbye = true
      if (!other.saidGoodbye) sayGoodbye(channel, other, own)
      if (own.heardGoodbye) closeBoth(channel)
    })
  }

  function closeBoth({ ends }: Link): void {
    for (const each of ends) closeEnd(each)
  }

  function living(): Link[] {
    return [...channels].filter(({ ends }) => ends.some(({ isClosed }) => !isClosed))
  }

  function step(choice: number): boolean {
    const happening = pick(
      [...lanes].filter(({ length }) => length > 0),
      choice,
    )
    happening?.shift()?.()
    return happening !== undefined
  }

  function run(durationMs: number, choose: () => number): void {
    pass(durationMs, () => {
      while (step(choose()));
    })
  }

  function pass(durationMs: number, between: () => void): void {
    const endMs = nowMs + durationMs
    for (;;) {
      between()
      const [next] = [...timers].toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > endMs) break
      timers.delete(next)
      nowMs = Math.max(nowMs, next.atMs)
      next.callback()
    }
    nowMs = endMs
  }

  function visit(to: NodeId, as: Omit<Visitor, 'open'> = {}): Stranger {
    return meet((events) => dial('', to, events, as))
  }

  function node(id: NodeId, particular: Partial<LinkMedium> = {}): LinkTransport {
    const life = { isDead: false }
    lives.set(id, life)
    const whileAlive = (callback: () => void) => (): void => {
      if (!life.isDead) callback()
    }
    const deferred = lane()
    const medium: LinkMedium = {
      async listen(address, { accept }) {
        servers.set(address, accept)
        return {
          address,
          close: async () => {
            if (servers.get(address) === accept) servers.delete(address)
          },
        }
      },
      dial: (address) => (events) => dial(id, address, events),
      ...particular,
    }
    const platform: LinkPlatform = {
      defer: (callback) => deferred.push(whileAlive(callback)),
      clock: {
        now: clock.now,
        after: (delayMs, callback) => clock.after(delayMs, whileAlive(callback)),
      },
      random,
    }
    return links(medium, { platform })
  }

  return {
    node,
    visit,
    stand(at, onVisit, answer) {
      servers.set(at, ({ open }) => onVisit(meet(open, answer)))
    },
    step,
    run,
    stall: (durationMs) => pass(durationMs, () => {}),
    sever(choice) {
      const channel = pick(living(), choice)
      if (channel !== undefined) closeBoth(channel)
    },
    silence(choice) {
      const channel = pick(living(), choice)
      if (channel === undefined) return
      channel.isSilent = true
      for (const { incoming, isClosed } of channel.ends) if (!isClosed) incoming.length = 0
    },
    kill(id) {
      servers.delete(id)
      const life = lives.get(id)
      if (life !== undefined) life.isDead = true
      for (const channel of living()) {
        const [first, second] = channel.ends
        const [own, other] = first.owner === id ? [first, second] : [second, first]
        if (own.owner !== id) continue
        own.isClosed = true
        own.isOpen = false
        own.events = null
        own.incoming.length = 0
        if (!channel.isSilent || other.events === null) closeEnd(other)
      }
    },
    hold: (id) => void held.set(id, []),
    release(id) {
      const waiting = held.get(id) ?? []
      held.delete(id)
      for (const write of waiting) write()
    },
    writes,
    get living() {
      return living().length
    },
    dials,
    get nowMs() {
      return nowMs
    },
  }
}

/** Opens a channel, and keeps what comes. */
function meet(open: OpenChannel, answer: readonly Uint8Array[] = []): Stranger {
  const messages: string[] = []
  const stranger: { -readonly [Name in keyof Stranger]: Stranger[Name] } = {
    channel: open({
      onOpen() {},
      onMessage(message) {
        messages.push(Buffer.from(message).toString('hex'))
        if (messages.length === 1 && answer.length > 0) stranger.channel.send(answer)
      },
      onWritable() {},
      onMalformed() {},
      onProblem() {},
      onClosed: () => void (stranger.isClosed = true),
    }),
    messages,
    isClosed: false,
  }
  return stranger
}

function closeEnd(closed: End): void {
  if (closed.isClosed) return
  closed.isClosed = true
  closed.isOpen = false
  closed.incoming.length = 0
  closed.incoming.push(() => closed.events?.onClosed())
}

function pick<T>(from: readonly T[], choice: number): T | undefined {
  return from[choice % from.length]
}
