/**
 * Seeds that once found something, in the library or in the simulation itself. They are run again
 * with every test. A change of what is drawn makes another run of a seed: what it found then is found
 * by a test of its own, and the seed stays for the ground that it covers.
 */
import type { ProfileName } from '@paxos/testkit/simulation'

export interface FoundBySeed {
  readonly seed: number
  readonly profile: ProfileName
  readonly found: string
}

export const SEEDS: readonly FoundBySeed[] = [
  {
    seed: 1420,
    profile: 'swarm',
    found: 'the watcher took a promise whose log is compacted, which counts for nothing, for a lie',
  },
  {
    seed: 477,
    profile: 'swarm',
    found: 'the clock of a node woke it a rounding error too early, again and again, for ever',
  },
  {
    seed: 360,
    profile: 'swarm',
    found: 'a node that asked again about a read woke itself for ever, for a sum that was rounded',
  },
  { seed: 17, profile: 'swarm', found: 'the same' },
  {
    seed: 1017,
    profile: 'swarm',
    found:
      'a node that was still storing a snapshot of another offered the empty one that it began ' +
      'with, for slots that it had compacted, and stopped, for no frame can hold that',
  },
  {
    seed: 846,
    profile: 'leaders',
    found: 'the last call of a run was not allowed to end with a session that had expired',
  },
  {
    seed: 3,
    profile: 'congested',
    found:
      'a cluster did not come back on links of 1 Mbit/s: candidates outbid each other before the ' +
      'promises of any had crossed them, and were sent all of them again',
  },
  {
    seed: 11,
    profile: 'congested',
    found: 'a node that had asked for a read, and had nobody left to ask, woke itself for ever',
  },
  {
    seed: 5,
    profile: 'members',
    found: 'a change of which half was made was refused as if nothing had been changed',
  },
  {
    seed: 44,
    profile: 'members',
    found: 'a new node learned nothing as long as another one spoke to it that differed',
  },
  {
    seed: 45,
    profile: 'members',
    found: 'a node that learned the log lost the members, who had moved since',
  },
  {
    seed: 123,
    profile: 'leases',
    found: 'the simulation lost a machine whose node was a learner, and about to vote',
  },
  {
    seed: 302,
    profile: 'leases',
    found:
      'the simulation lost a disk that had voted before enough others were let in at a first start',
  },
  {
    seed: 54,
    profile: 'leases',
    found:
      'nodes that had all left, and lost their disks, were told of each other alone by the simulation, ' +
      'and began the cluster anew',
  },
  {
    seed: 1870,
    profile: 'members',
    found: 'a leader refused a change that it had proposed, and that was made later',
  },
  {
    seed: 30_196,
    profile: 'leases',
    found:
      'the simulation did not count that a node had been asked which stood still, and read it later',
  },
  {
    seed: 30_574,
    profile: 'leases',
    found:
      'the simulation lost the disk of a learner whom a change that had timed out let vote with it later, ' +
      'and two of the other five',
  },
  {
    seed: 30_711,
    profile: 'leases',
    found: 'the simulation waited for a node that a change which had timed out removed in the end',
  },
  {
    seed: 52_559,
    profile: 'leases',
    found: 'a leader counted a voter that waited to be let in for one that would vote',
  },
  {
    seed: 52_537,
    profile: 'leases',
    found: 'the same, among five',
  },
]
