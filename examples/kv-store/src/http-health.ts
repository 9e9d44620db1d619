/**
 * Whether a node runs, and whether it should be asked, for those who start it anew or send it
 * requests. Answered at once, from what the node knows of itself. Must never call a node dead that
 * only waits for others or for its disk: to start it anew would mend neither.
 */
import type { Health, Readiness } from './api.ts'
import { json } from './asked.ts'
import type { Routes } from './asked.ts'
import { parameters, parseParameters } from './input.ts'
import { MAX_READY_BEHIND } from './limits.ts'
import { Refusal } from './refusal.ts'
import type { KeyValueReplica, ReplicaStatus } from './replica.ts'

export function healthRoutes(replica: Pick<KeyValueReplica, 'status'>): Routes {
  return [
    [
      'GET /healthz',
      ({ query }) => {
        parseParameters(parameters.none, query)
        if (replica.status().role === 'stopped') throw notReady(STOPPED)
        return json({ isAlive: true } satisfies Health, 200, UNCACHED)
      },
    ],
    [
      'GET /readyz',
      ({ query }) => {
        parseParameters(parameters.none, query)
        return json(readinessOf(replica.status()), 200, UNCACHED)
      },
    ],
  ]
}

/** Throws a refusal that says why a node is not ready. */
function readinessOf({ role, leader, behindBy, waitsFor }: ReplicaStatus): Readiness {
  if (role === 'stopped') throw notReady(STOPPED)
  if (role === 'closed') throw notReady('The node is being ended. Ask another one.')
  if (waitsFor.length > 0) {
    const names = waitsFor.join(', ')
    throw notReady(
      `The node may not vote with its empty disk before it has heard from ${names}. Start these.`,
    )
  }
  if (leader === null) {
    throw notReady(
      'The node knows no leader. If that lasts, look at `peers` in /status: whom it does not hear.',
    )
  }
  if (behindBy > MAX_READY_BEHIND) {
    throw notReady(
      `The node has still to apply ${behindBy} slots; ready is who has ${MAX_READY_BEHIND} at ` +
        'most. It catches up by itself; ask another one.',
    )
  }
  return { isReady: true, leader, behindBy }
}

const STOPPED = 'The node had to stop by itself. Why is in its log; mend that, and start it again.'

/** Nothing of it is true a second later. */
const UNCACHED = { 'cache-control': 'no-store' }

function notReady(message: string): Refusal {
  return new Refusal(503, 'not-ready', message)
}
