/**
 * Which quorums operators ask for: every kind that a log can hold, with sizes that fit those who vote.
 * Must never leave sizes that fit no more: who changes the number of voters says what suffices then.
 */
import { votersOf } from '@paxos/core/multi'
import type { QuorumRule } from '@paxos/core/multi'
import type { MembersChange, ReplicaMembers } from '@paxos/replica'
import { votersAfter } from './changes.ts'

const MAJORITY: QuorumRule = { type: 'majority' }

/** What one voter weighs where weights count: with three of them as much as the two others. */
const WEIGHT = 2

/** Other quorums for the same voters. `pick` is from 0 to below 1. */
export function otherQuorums(seen: ReplicaMembers, pick: number): MembersChange {
  const voters = votersOf(seen).map(({ id }) => id)
  const count = voters.length
  const [first] = voters
  const choices: MembersChange[] = [{ quorums: MAJORITY }]
  for (let phase1 = 1; phase1 <= count; phase1 += 1) {
    choices.push({ quorums: { type: 'flexible', phase1, phase2: count - phase1 + 1 } })
  }
  if (first !== undefined) {
    const weighs = votersOf(seen).find(({ id }) => id === first)?.weight ?? 1
    const weigh = { [first]: weighs === 1 ? WEIGHT : 1 }
    choices.push({ quorums: { type: 'weighted' }, weigh })
  }
  if (count > 2 && count % 2 === 0) choices.push({ quorums: { type: 'grid', columns: 2 } })
  return choices[Math.floor(pick * choices.length)] ?? { quorums: MAJORITY }
}

/** Whether the quorums of `seen` fit so many voters as there are, and no others. */
export function isSized({ quorums }: ReplicaMembers): boolean {
  return quorums.type === 'flexible' || quorums.type === 'grid'
}

/** A majority, where what suffices now would not fit those who would vote. */
export function fitting(change: MembersChange, seen: ReplicaMembers): MembersChange {
  const isOther = votersAfter(seen, change).size !== votersOf(seen).length
  const isUnsaid = change.quorums === undefined
  return isUnsaid && isOther && isSized(seen) ? { ...change, quorums: MAJORITY } : change
}
