/**
 * The state that every release writes in the same way, so that a later one can show that it still
 * reads it. Must never change: what was written by earlier releases is what these changes made.
 */
import { MAX_ROUND } from '@paxos/core'
import type { Change, Durability, Owner } from '@paxos/core'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export const FIXTURE_CHANGES: readonly Change[] = [
  { promised: { round: 1, node: 'a' } },
  {
    promised: { round: 2, node: '' },
    accepted: [
      { slot: 1, ballot: { round: 2, node: '' }, value: text('covered by the snapshot') },
      { slot: 2, ballot: { round: 2, node: '' }, value: text('replaced by a shorter one') },
    ],
  },
  {
    snapshot: {
      through: 1,
      members: [
        { id: '', address: 'udp://10.0.0.1:7000' },
        { id: 'ñ😀', address: '' },
      ],
      bytes: text('a state'),
    },
    chosenThrough: 1,
  },
  {
    promised: { round: MAX_ROUND, node: 'ñ😀' },
    accepted: [
      { slot: 2, ballot: { round: 3, node: 'b' }, value: text('short') },
      { slot: 10, ballot: { round: MAX_ROUND, node: 'ñ😀' }, value: text('') },
      { slot: 2 ** 40, ballot: { round: 4, node: 'a' }, value: Uint8Array.from([0, 255, 0]) },
    ],
    chosenThrough: 2,
  },
  // Added since: a state from before it was saved is read as if it had been.
  { admitted: true },
]

/** Whose it is: one of the members in the snapshot. Releases before identities wrote it without. */
export const FIXTURE_OWNER: Owner = {
  cluster: 'ñ😀',
  id: 'ñ😀',
  kind: 'log',
  drawIncarnation: () => '00112233445566778899aabbccddeeff',
}

/**
 * Opens the adapter for its owner, saves the state that `fixtures` of a harness is held against, and closes it.
 * To be called once for each release that changes what is written, and the result kept.
 */
export async function writeFixture(durability: Durability): Promise<void> {
  await durability.open(FIXTURE_OWNER)
  for (const change of FIXTURE_CHANGES) await durability.save(change)
  await durability.close()
}
