/**
 * A transport: what is particular to its medium. Who is let in, which of two connections counts, what
 * is sent when, and what becomes of it is the kit's.
 *
 * This medium is a stand-in, which reaches nobody but the nodes of this process. Put yours in its
 * place, and let the suite say what is missing: each part says what it must do.
 */
import { links } from '@paxos/adapter-kit/links'
import type {
  Channel,
  ChannelEvents,
  LinkHost,
  LinkMedium,
  LinkOptions,
  LinkTransport,
} from '@paxos/adapter-kit/links'
import { TransportError } from '@paxos/core'
import type { Transport } from '@paxos/core'

/** A transport that is not open yet. Addresses are `pigeon://name`. */
export function pigeon(options?: LinkOptions): LinkTransport {
  return links(medium, options)
}

/** What `openTransport` of @paxos/replica/url calls, once the scheme is registered. */
export function fromUrl(_: string, options?: LinkOptions): Transport {
  return pigeon(options)
}

/** The stand-in for a network: who listens where. */
const listeners = new Map<string, LinkHost>()

const medium: LinkMedium = {
  addressHint: 'Write pigeon://name.',

  // Takes connections, and hands each to host.accept(). Rejects with TransportError, and then has
  // left nothing open: what you opened before the error, you close before it.
  async listen(address, host) {
    if (!isAddress(address)) {
      throw new TransportError(
        'ERR_PAXOS_ADDRESS_MALFORMED',
        `'${address}' is no address. Write pigeon://name.`,
      )
    }
    if (listeners.has(address)) {
      throw new TransportError(
        'ERR_PAXOS_ADDRESS_IN_USE',
        `'${address}' is taken. Close whoever listens there, or take another.`,
      )
    }
    listeners.set(address, host)
    return {
      // The one that peers can dial: with the real port, where 0 asked for a free one.
      address,
      async close() {
        listeners.delete(address)
      },
    }
  },

  // How a peer is dialled; null for an address that cannot be. Throws nothing and waits for nothing:
  // what goes wrong later is told by onProblem() and onClosed().
  dial(address) {
    if (!isAddress(address)) return null
    return (events) => {
      const near: End = { events, other: null, state: 'dialled' }
      setImmediate(reach, address, near)
      return channelOf(near)
    }
  },
}

/** One end of a connection. */
interface End {
  readonly events: ChannelEvents
  other: End | null
  state: 'dialled' | 'ready' | 'writing' | 'closing' | 'closed'
}

/** Connects `near` with who listens at `address`. */
function reach(address: string, near: End): void {
  const host = listeners.get(address)
  if (near.state !== 'dialled') return
  if (host === undefined) {
    near.events.onProblem({ reason: 'no-answer', message: 'Nobody answers. Is the peer up?' })
    end(near)
    return
  }
  host.accept({
    // Add `provesToBe` where the medium can prove who dialled: by a certificate, say.
    open(events) {
      const far: End = { events, other: near, state: 'ready' }
      near.other = far
      return channelOf(far)
    },
  })
  near.state = 'ready'
  near.events.onOpen()
}

/** What the kit sends by. Nothing here calls an event before it has returned. */
function channelOf(own: End): Channel {
  return {
    // Whether it takes messages: it is open, not closing, and has written what it was given. One that
    // was accepted is so from the beginning.
    get writable() {
      return own.state === 'ready'
    },
    // Only while it is writable. As soon as it is again, onWritable() follows: what waits meanwhile,
    // and for how long, is the kit's, so that a medium that takes everything at once keeps too much.
    send(messages) {
      own.state = 'writing'
      setImmediate(() => {
        // The receiver owns what it gets: in memory of its own.
        for (const message of messages) {
          if (own.other?.state !== 'closed') own.other?.events.onMessage(new Uint8Array(message))
        }
        if (own.state !== 'writing') return
        own.state = 'ready'
        own.events.onWritable()
      })
    },
    // Goodbye: what was sent leaves first, and onClosed() follows on both sides.
    close() {
      own.state = 'closing'
      setImmediate(end, own)
    },
    // Ends at once; onClosed() follows.
    destroy() {
      own.state = 'closing'
      setImmediate(end, own)
    },
  }
}

function end(own: End): void {
  for (const each of [own, own.other]) {
    if (each === null || each.state === 'closed') continue
    each.state = 'closed'
    each.events.onClosed()
  }
}

function isAddress(address: string): boolean {
  return /^pigeon:\/\/[\w.-]+$/.test(address)
}
