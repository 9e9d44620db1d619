/**
 * What there is for one peer: the frames that wait for it, and the streams to it.
 *
 * Who dials: the node with the smaller id at once, the other one when there is still no stream after
 * PATIENCE_MS; so a node that cannot be dialled is reached all the same. Which stream: when both
 * have dialled at the same moment there are two. Each side takes frames from both, and sends on the
 * one that the smaller id dialled; the larger id ends the one that it dialled itself, after the
 * last frame. Both decide from what they know anyway, and no stream is ended twice, so it settles.
 *
 * Must never have more than one stream of each kind that it sends on, nor dial a peer to which
 * there is one.
 */
import { compareBallots } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { backoff } from './backoff.ts'
import { PATIENCE_MS, STEADY_AFTER_MS } from './limits.ts'
import type { Link } from './link.ts'
import { outbox } from './outbox.ts'

/** What there is for one peer. */
export interface Peer {
  /** Copies `frame`, and sends it when it can. */
  send(frame: Uint8Array): void
  /** Takes a stream that the peer dialled. */
  accept(link: Link): void
  /** Sends what waits if there is a stream, and ends. Resolves when nothing is left. */
  drain(): Promise<void>
  /** Ends at once: nothing is delivered any more. Resolves when nothing is left. */
  destroy(): Promise<void>
}

/** What a peer needs. */
export interface PeerOptions {
  readonly own: NodeId
  readonly id: NodeId
  /** Begins to dial, and returns how to give up: see dial.ts. `null` when it cannot be dialled. */
  readonly dial: ((onLink: (link: Link) => void, onFailed: () => void) => () => void) | null
  readonly onFrame: (frame: Uint8Array) => void
  readonly onDropped: () => void
  /** A frame was given to a stream. */
  readonly onSent: () => void
  /** Whether there is a stream to send on. */
  readonly onConnected: (isConnected: boolean) => void
  /** From 0 up to, not including, 1. */
  readonly random: () => number
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** A peer without a stream, which is dialled from now on. */
export function peerOf(options: PeerOptions): Peer {
  const { own, id, dial, onFrame, onDropped, onSent, onConnected, random, now } = options
  const dialsFirst = isBelow(own, id)
  const patienceMs = dialsFirst ? 0 : PATIENCE_MS
  const retry = backoff(random)
  const waiting = outbox({ now, onDropped })
  /** Every stream that is not closed yet. */
  const links = new Set<Link>()
  let dialled: Link | null = null
  let accepted: Link | null = null
  let giveUp: (() => void) | null = null
  let timer: NodeJS.Timeout | null = null
  let state: 'open' | 'draining' | 'destroyed' = 'open'
  const whenEmpty: (() => void)[] = []

  /** The stream to send on. */
  function current(): Link | null {
    return dialsFirst ? (dialled ?? accepted) : (accepted ?? dialled)
  }

  function pump(): void {
    const link = current()
    if (link !== null && !link.isReady) return
    const frame = link === null ? null : waiting.take()
    if (frame !== null && link !== null) {
      onSent()
      link.write(frame)
    } else if (state === 'draining') endAll()
  }

  /** Unless there is a stream, or will be. */
  function dialIn(waitMs: () => number): void {
    const isBusy = current() !== null || giveUp !== null || timer !== null
    if (dial === null || isBusy || state !== 'open') return
    timer = setTimeout(startDial, waitMs())
  }

  function dialAgain(): void {
    dialIn(() => retry.next() + patienceMs)
  }

  function startDial(): void {
    timer = null
    if (dial === null) return
    giveUp = dial(
      (link) => {
        giveUp = null
        adopt(link)
        dialled = link
        settle()
      },
      () => {
        giveUp = null
        dialAgain()
        tellWhenEmpty()
      },
    )
  }

  function tellWhenEmpty(): void {
    if (links.size > 0 || giveUp !== null) return
    for (const tell of whenEmpty.splice(0)) tell()
  }

  function empty(): Promise<void> {
    return new Promise((resolve) => {
      whenEmpty.push(resolve)
      tellWhenEmpty()
    })
  }

  function adopt(link: Link): void {
    const sinceMs = now()
    links.add(link)
    link.listen({
      onFrame(frame) {
        if (state !== 'destroyed') onFrame(frame)
      },
      onReady: pump,
      onEnd() {
        if (now() - sinceMs >= STEADY_AFTER_MS) retry.reset()
        retire(link)
        onConnected(current() !== null)
        dialAgain()
        pump()
      },
      onClosed() {
        links.delete(link)
        tellWhenEmpty()
      },
    })
  }

  function retire(link: Link): void {
    if (dialled === link) dialled = null
    if (accepted === link) accepted = null
    link.end()
  }

  /** After a stream was added: one is enough. */
  function settle(): void {
    if (state !== 'open') endAll()
    // A dial that is still running is let be: the peer may have sent on that stream already.
    else if (accepted !== null && dialled !== null && !dialsFirst) retire(dialled)
    if (current() !== null) stopTimer()
    onConnected(current() !== null)
    pump()
  }

  function stopTimer(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
  }

  function endAll(): void {
    for (const link of links) retire(link)
  }

  dialIn(() => patienceMs)
  return {
    send(frame) {
      waiting.push(frame)
      pump()
    },
    accept(link) {
      // Whoever dials again has lost the stream before.
      accepted?.destroy()
      adopt(link)
      accepted = link
      settle()
    },
    drain() {
      if (state === 'open') state = 'draining'
      stopTimer()
      giveUp?.()
      pump()
      return empty()
    },
    destroy() {
      state = 'destroyed'
      stopTimer()
      giveUp?.()
      waiting.clear()
      for (const link of links) link.destroy()
      return empty()
    },
  }
}

/** The order of ids is that of the ballots which differ in nothing else. */
function isBelow(a: NodeId, b: NodeId): boolean {
  return compareBallots({ round: 1, node: a }, { round: 1, node: b }) < 0
}
