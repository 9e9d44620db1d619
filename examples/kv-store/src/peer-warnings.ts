/**
 * What a transport has to say of its peers, in the log: each thing at once and then once a minute,
 * with how often it has happened meanwhile. Must never let a stranger fill the disk with it.
 */
import type { Transport, TransportWarning } from '@paxos/core'
import { MAX_WARNINGS, SAME_WARNING_EVERY_MS } from './limits.ts'
import type { Log } from './log.ts'

/** The same transport, whose warnings go to `log` too. */
export function withWarnings(
  transport: Transport,
  log: Log,
  nowMs: () => number = () => performance.now(),
): Transport {
  const said = new Map<string, { atMs: number; unsaid: number }>()

  function warn({ peer, reason, message }: TransportWarning): void {
    const key = JSON.stringify([peer, reason])
    const before = said.get(key)
    if (before !== undefined && nowMs() - before.atMs < SAME_WARNING_EVERY_MS) {
      before.unsaid += 1
      return
    }
    if (before === undefined && !hasRoom()) return
    said.set(key, { atMs: nowMs(), unsaid: 0 })
    const times = before === undefined || before.unsaid === 0 ? {} : { andMore: before.unsaid }
    log.warn(message, { peer, reason, ...times })
  }

  function hasRoom(): boolean {
    for (const [key, { atMs }] of said) {
      if (said.size < MAX_WARNINGS) return true
      if (nowMs() - atMs >= SAME_WARNING_EVERY_MS) said.delete(key)
    }
    return said.size < MAX_WARNINGS
  }

  const figures = transport.figures?.bind(transport)
  return {
    open: (options) =>
      transport.open({
        ...options,
        warn(warning) {
          warn(warning)
          options.warn?.(warning)
        },
      }),
    get address() {
      return transport.address
    },
    setPeers: (peers) => transport.setPeers(peers),
    send: (to, frame) => transport.send(to, frame),
    ...(figures === undefined ? {} : { figures }),
    close: () => transport.close(),
  }
}
