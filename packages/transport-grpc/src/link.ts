/**
 * A stream between two nodes that know who they are, whoever opened it. It takes one frame at a
 * time, so that what waits, waits in the outbox and is bounded there. Must never deliver a frame
 * after destroy, and never let an error of the stream throw into the node.
 */
import { DRAIN_TIMEOUT_MS } from './limits.ts'

/** A stream to a peer. */
export interface Link {
  /** Whether it takes a frame now. */
  readonly isReady: boolean
  /** Sends `frame`, which must not change any more. Only when it is ready. */
  write(frame: Uint8Array): void
  /**
   * Sends nothing more. What was written leaves, and what the peer has on its way is delivered;
   * after DRAIN_TIMEOUT_MS it is destroyed.
   */
  end(): void
  /** Ends it at once. */
  destroy(): void
  /** Begins to deliver. To be called once. */
  listen(listener: LinkListener): void
}

/** What a link tells. */
export interface LinkListener {
  readonly onFrame: (frame: Uint8Array) => void
  /** It is ready again. */
  readonly onReady: () => void
  /** It carries no more frames, or no more of the peer's: end it. Called at most once. */
  readonly onEnd: () => void
  /** Nothing of it is left. Called once, last. */
  readonly onClosed: () => void
}

/** A link, and how its maker tells that the stream is over. */
export interface Made {
  readonly link: Link
  /** To be called once nothing of the stream is left; late rather than early. */
  readonly closed: () => void
}

/** What a link needs of a stream. Both kinds of grpc-js have it, and so has a Duplex of frames. */
export interface FrameStream {
  write(frame: Uint8Array, callback: () => void): unknown
  end(): unknown
  on(event: 'data', listener: (frame: Uint8Array) => void): unknown
  on(event: 'end', listener: () => void): unknown
}

/**
 * The link over `call`, on which both have said who they are. `release` frees all that the stream
 * holds, now.
 */
export function linkOver(call: FrameStream, release: () => void): Made {
  let listener: LinkListener | null = null
  let isWriting = false
  let isEnded = false
  let isDestroyed = false
  let isOver = false
  let deadline: NodeJS.Timeout | null = null

  function destroy(): void {
    if (isDestroyed) return
    isEnded = true
    isDestroyed = true
    release()
  }

  function over(): void {
    if (isOver) return
    isOver = true
    listener?.onEnd()
  }

  const link: Link = {
    get isReady() {
      return !isWriting && !isEnded
    },
    write(frame) {
      isWriting = true
      // The callback comes when HTTP/2 has taken the whole frame, so it waits for a slow peer.
      call.write(frame, () => {
        isWriting = false
        if (!isEnded) listener?.onReady()
      })
    },
    end() {
      if (isEnded) return
      isEnded = true
      deadline = setTimeout(destroy, DRAIN_TIMEOUT_MS)
      call.end()
    },
    destroy,
    listen(to) {
      listener = to
      call.on('data', (frame: Uint8Array) => {
        if (!isDestroyed) to.onFrame(frame)
      })
      call.on('end', over)
    },
  }
  return {
    link,
    closed() {
      if (deadline !== null) clearTimeout(deadline)
      isEnded = true
      isDestroyed = true
      over()
      listener?.onClosed()
    },
  }
}
