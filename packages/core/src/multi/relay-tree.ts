/**
 * From whom a learner fetches what was chosen. Learners make a tree below the voters, so that each
 * node serves few of them however many there are: it is a function of the configuration, and nobody
 * has to agree on more. It must never make a circle, nor rest on a learner alone: who hears nothing
 * from above asks the voters.
 */
import type { NodeId } from '../ballot.ts'
import { votersOf } from './configuration.ts'
import type { Configuration } from './configuration.ts'
import { RELAY_FANOUT } from './limits.ts'

/** Whom `id` fetches from: a voter, or a learner before it; `null` when `id` is no learner. */
export function upstreamOf(configuration: Configuration, id: NodeId): NodeId | null {
  const voters = votersOf(configuration).map((voter) => voter.id)
  const learners = configuration.members
    .filter(({ role }) => role === 'learner')
    .map((learner) => learner.id)
  const place = learners.indexOf(id)
  if (place < 0) return null
  const above = [...voters, ...learners]
  return above[Math.floor(place / RELAY_FANOUT)] ?? null
}
