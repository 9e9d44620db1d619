/** What operators are told of datagrams that were refused, in the words of the contract. */
import type { PeerProblem, PeerProblemReason } from '@paxos/core'
import type { Refusals } from './inbox.ts'

/** What is wrong, and the way out. */
export const PROBLEMS: Readonly<Record<keyof Refusals, PeerProblem>> = {
  malformedDatagrams: {
    reason: 'protocol',
    message:
      'A datagram is none of ours. Does something else send to this port, or an older release?',
  },
  unauthenticDatagrams: {
    reason: 'credentials',
    message:
      'A datagram is not signed with a key that is accepted here, or is signed where there are no keys. Give all nodes the same keys.',
  },
  strangerDatagrams: {
    reason: 'identity',
    message: 'A datagram is of a node that is not in the address book. Is its id right?',
  },
  replayedDatagrams: {
    reason: 'identity',
    message:
      'A datagram has come before, or is of an epoch that is over. Nothing was done with it.',
  },
  uninvitedDatagrams: {
    reason: 'identity',
    message:
      'A datagram has no cookie that this node gave out since it started. A restart on either side explains a few.',
  },
}

/** How many datagrams were refused, by reason. */
export function refusedBy(stats: Refusals): Partial<Record<PeerProblemReason, number>> {
  const counts = [
    ['malformedDatagrams', stats.malformedDatagrams],
    ['unauthenticDatagrams', stats.unauthenticDatagrams],
    ['strangerDatagrams', stats.strangerDatagrams],
    ['replayedDatagrams', stats.replayedDatagrams],
    ['uninvitedDatagrams', stats.uninvitedDatagrams],
  ] as const
  const refused: Partial<Record<PeerProblemReason, number>> = {}
  for (const [name, count] of counts) {
    const { reason } = PROBLEMS[name]
    if (count > 0) refused[reason] = (refused[reason] ?? 0) + count
  }
  return refused
}
