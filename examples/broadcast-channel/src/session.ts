/**
 * A session: a connection where there are none, made of messages on a BroadcastChannel that only the
 * two ends know. The medium takes whatever it is given, so that what was sent counts as written only
 * when the other side has read it: must never have more than one batch on its way.
 */
import { CLOSE_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import type { Channel, ChannelEvents } from '@paxos/adapter-kit/links'

/** How long a dial may take: the other side is on the same machine, and may be busy. */
const OPEN_TIMEOUT_MS = 1_000

/** One end of the session `name`. Who has dialled waits for the other to say that it is there. */
export function session(name: string, isDialled: boolean, events: ChannelEvents): Channel {
  const channel = new BroadcastChannel(name)
  let state: 'dialled' | 'ready' | 'unread' | 'closing' | 'closed' = isDialled ? 'dialled' : 'ready'
  let timer = isDialled ? setTimeout(giveUp, OPEN_TIMEOUT_MS) : undefined

  channel.addEventListener('messageerror', () => events.onMalformed())
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (state === 'closed') return
    if (data === 'opened' && state === 'dialled') {
      clearTimeout(timer)
      state = 'ready'
      events.onOpen()
    } else if (data === 'read' && state === 'unread') {
      state = 'ready'
      events.onWritable()
    } else if (data === 'close') destroy()
    else if (isBatch(data)) {
      for (const message of data) events.onMessage(message)
      say('read')
    } else if (data !== 'read') events.onMalformed()
  })
  if (!isDialled) say('opened')

  function say(said: 'opened' | 'read' | 'close' | readonly Uint8Array[]): void {
    if (state !== 'closed') channel.postMessage(said)
  }

  function giveUp(): void {
    events.onProblem({ reason: 'no-answer', message: 'Nobody answers on the bus. Is it running?' })
    destroy()
  }

  function destroy(): void {
    if (state === 'closed') return
    say('close')
    state = 'closed'
    clearTimeout(timer)
    channel.close()
    // Not at once: whoever called this is in the midst of something.
    queueMicrotask(() => events.onClosed())
  }

  return {
    get writable() {
      return state === 'ready'
    },
    send(messages) {
      state = 'unread'
      say(messages)
    },
    close() {
      say('close')
      state = 'closing'
      clearTimeout(timer)
      // A worker that was killed has said nothing, and will not answer.
      timer = setTimeout(destroy, CLOSE_TIMEOUT_MS)
    },
    destroy,
  }
}

function isBatch(data: unknown): data is readonly Uint8Array[] {
  return Array.isArray(data) && data.every((each) => each instanceof Uint8Array)
}
