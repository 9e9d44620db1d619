/**
 * A medium within one process, in real time: an address is a name on a board. It shows how little a
 * medium is, and runs what every transport has to keep.
 */
import { TransportError } from '@paxos/core'
import type {
  Channel,
  ChannelEvents,
  LinkHost,
  LinkMedium,
  OpenChannel,
} from '@paxos/adapter-kit/links'

/** Makes the media of nodes that can reach each other. */
export function switchboard(): () => LinkMedium {
  const hosts = new Map<string, LinkHost>()

  function opener(address: string): OpenChannel {
    return (events) => {
      const [near, far] = [new End(), new End()]
      setImmediate(() => {
        const host = hosts.get(address)
        if (near.isClosed) return
        if (host === undefined) {
          events.onProblem({ reason: 'no-answer', message: `Nobody is at ${address}.` })
          near.destroy()
          return
        }
        host.accept({ open: (told) => far.open(told, near) })
        near.connected()
      })
      return near.begin(events, far)
    }
  }

  return () => ({
    addressHint: 'Write board:NAME.',
    async listen(address, host) {
      if (!isAddress(address)) {
        throw new TransportError('ERR_PAXOS_ADDRESS_MALFORMED', `Write board:NAME, not ${address}.`)
      }
      if (hosts.has(address)) {
        throw new TransportError('ERR_PAXOS_ADDRESS_IN_USE', `${address} is taken. Take another.`)
      }
      hosts.set(address, host)
      return {
        address,
        async close() {
          hosts.delete(address)
        },
      }
    },
    dial: (address) => (isAddress(address) ? opener(address) : null),
  })
}

function isAddress(address: string): boolean {
  return /^board:\w+$/.test(address)
}

/** One end of a channel. Everything is told later, in the order in which it was done. */
class End implements Channel {
  #events: ChannelEvents | null = null
  #other: End | null = null
  #state: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'
  #isWriting = false

  begin(events: ChannelEvents, other: End): Channel {
    this.#events = events
    this.#other = other
    return this
  }

  open(events: ChannelEvents, other: End): Channel {
    this.#state = 'open'
    return this.begin(events, other)
  }

  connected(): void {
    this.#state = 'open'
    this.#events?.onOpen()
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  get writable(): boolean {
    return this.#state === 'open' && !this.#isWriting
  }

  send(messages: readonly Uint8Array[]): void {
    this.#isWriting = true
    setImmediate(() => {
      this.#isWriting = false
      for (const message of messages) this.#other?.take(new Uint8Array(message))
      if (this.#state === 'open') this.#events?.onWritable()
    })
  }

  take(message: Uint8Array): void {
    if (this.#state !== 'closed') this.#events?.onMessage(message)
  }

  close(): void {
    if (this.#state !== 'open') {
      this.destroy()
      return
    }
    this.#state = 'closing'
    setImmediate(() => this.#other?.heardGoodbye())
  }

  heardGoodbye(): void {
    if (this.#state === 'open') this.close()
    else this.destroy()
  }

  destroy(): void {
    for (const end of [this, this.#other]) end?.end()
  }

  end(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    setImmediate(() => this.#events?.onClosed())
  }
}
