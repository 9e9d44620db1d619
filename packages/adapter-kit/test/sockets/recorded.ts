/** What a channel tells, kept for a test, which waits for it. */
import { EventEmitter, once } from 'node:events'
import type { PeerProblem } from '@paxos/core'
import type { Channel, ChannelEvents, OpenChannel } from '@paxos/adapter-kit/links'

/** A channel and what it told. */
export interface Recorded {
  readonly channel: Channel
  readonly messages: readonly Uint8Array[]
  readonly problems: readonly PeerProblem[]
  /** The names of all events, in order. */
  readonly names: readonly (keyof ChannelEvents)[]
  /** Resolves once `holds`, which is asked after each event. */
  readonly until: (holds: () => boolean) => Promise<void>
  /** Resolves once the event has come. */
  readonly told: (name: keyof ChannelEvents) => Promise<void>
}

/** Opens a channel; `onMessage` is called for each message as well. */
export function record(open: OpenChannel, onMessage?: (channel: Channel) => void): Recorded {
  const arrivals = new EventEmitter()
  const messages: Uint8Array[] = []
  const problems: PeerProblem[] = []
  const names: (keyof ChannelEvents)[] = []
  let channel: Channel | null = null

  function note(name: keyof ChannelEvents): void {
    if (channel === null) throw new Error(`${name} came before there was a channel.`)
    names.push(name)
    arrivals.emit('event')
  }

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(arrivals, 'event')
  }

  channel = open({
    onOpen: () => note('onOpen'),
    onMessage(message) {
      messages.push(message)
      note('onMessage')
      if (channel !== null) onMessage?.(channel)
    },
    onWritable: () => note('onWritable'),
    onMalformed: () => note('onMalformed'),
    onProblem(problem) {
      problems.push(problem)
      note('onProblem')
    },
    onClosed: () => note('onClosed'),
  })
  return {
    channel,
    messages,
    problems,
    names,
    until,
    told: (name) => until(() => names.includes(name)),
  }
}
