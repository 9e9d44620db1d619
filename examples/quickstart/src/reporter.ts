/**
 * Turns what a node does into reports. Heartbeats are left out, and a message to several nodes is
 * reported once. It must never report a message twice, nor before an older one.
 */
import type { Message, NodeId } from '@paxos/core'
import type { SynodObservation } from '@paxos/replica'
import { nowMs } from './report.ts'
import type { Report } from './report.ts'

/** A function for Synod's `observe`, which hands reports to `report`. */
export function reporter(
  report: (report: Report) => void,
): (observation: SynodObservation) => void {
  let sending: { atMs: number; to: NodeId[]; message: Message<Uint8Array> } | null = null
  const flush = (): void => {
    if (sending !== null) report({ type: 'sent', ...sending })
    sending = null
  }
  return (observation) => {
    if (observation.type === 'sent' && observation.message.type !== 'heartbeat') {
      const { to, message } = observation
      if (sending?.message === message) {
        sending.to.push(to)
        return
      }
      flush()
      sending = { atMs: nowMs(), to: [to], message }
      // The frames to the other nodes follow at once, before any microtask.
      queueMicrotask(flush)
    } else if (observation.type === 'event' || observation.type === 'saved') {
      flush()
      report({ ...observation, atMs: nowMs() })
    }
  }
}
