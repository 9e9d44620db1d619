/** What operators are told of datagrams that were refused, in the words of the contract. */
import type { PeerProblem, PeerProblemReason } from '@paxos/core'
import { VERSION, versionOf } from './header.ts'
import type { Fault, Refusals } from './inbox.ts'

const REASONS: readonly (readonly [keyof Refusals, PeerProblemReason])[] = [
  ['malformedDatagrams', 'protocol'],
  ['otherVersionDatagrams', 'protocol'],
  ['unauthenticDatagrams', 'credentials'],
  ['strangerDatagrams', 'identity'],
  ['replayedDatagrams', 'identity'],
  ['uninvitedDatagrams', 'identity'],
  ['foreignDatagrams', 'identity'],
]

/** What is wrong with `datagram`, and the way out. */
export function problemWith(fault: Fault, datagram: Uint8Array): PeerProblem {
  switch (fault) {
    case 'malformedDatagrams':
      return {
        reason: 'protocol',
        message:
          'A datagram is none of ours. Does something else send to this address, or is it damaged on its way?',
      }
    case 'otherVersionDatagrams':
      return {
        reason: 'protocol',
        message: `A datagram is of version ${versionOf(datagram)} of the format, and this node speaks ${VERSION} only. Run the same release on every node.`,
      }
    case 'unauthenticDatagrams':
      return {
        reason: 'credentials',
        message:
          'A datagram is not signed with a key that is accepted here, or is signed where there are no keys. Give all nodes the same keys.',
      }
    case 'strangerDatagrams':
      return {
        reason: 'identity',
        message: 'A datagram is of a node that is not in the address book. Is its id right?',
      }
    case 'replayedDatagrams':
      return {
        reason: 'identity',
        message:
          'A datagram has come before, or is of an epoch that is over. Nothing was done with it.',
      }
    case 'uninvitedDatagrams':
      return {
        reason: 'identity',
        message:
          'A datagram has no cookie that this node gave out since it started. A restart on either side explains a few.',
      }
  }
}

/** How many datagrams were refused, by reason. */
export function refusedBy(stats: Refusals): Partial<Record<PeerProblemReason, number>> {
  const refused: Partial<Record<PeerProblemReason, number>> = {}
  for (const [name, reason] of REASONS) {
    if (stats[name] > 0) refused[reason] = (refused[reason] ?? 0) + stats[name]
  }
  return refused
}
