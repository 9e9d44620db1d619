/** Every mutant, in the order in which they are run. It must hold nothing but what its parts hold. */
import { BELIEF_MUTANTS } from './belief.ts'
import { COORDINATION_MUTANTS } from './coordination.ts'
import { CORE_MUTANTS } from './core.ts'
import { DISK_MUTANTS } from './disks.ts'
import { EDGE_MUTANTS } from './edges.ts'
import { KIT_FAULTS } from './kit-faults.ts'
import { LEASE_MUTANTS } from './leases.ts'
import { LINK_MUTANTS } from './links.ts'
import { LOG_MUTANTS } from './log.ts'
import { MEMBER_CALL_MUTANTS } from './member-calls.ts'
import { MEMBER_RULE_MUTANTS } from './member-rules.ts'
import { MEMBERS_MUTANTS } from './members.ts'
import type { Mutant } from './mutant.ts'
import { REMOTE_MUTANTS } from './remote.ts'
import { REPLICA_MUTANTS } from './replica.ts'
import { ROOM_MUTANTS } from './room.ts'
import { SOCKET_MUTANTS } from './sockets.ts'
import { STAGED_MUTANTS } from './staged.ts'
import { TRANSPORT_MUTANTS } from './transports.ts'

export const MUTANTS: readonly Mutant[] = [
  ...CORE_MUTANTS,
  ...LOG_MUTANTS,
  ...MEMBERS_MUTANTS,
  ...MEMBER_RULE_MUTANTS,
  ...LEASE_MUTANTS,
  ...BELIEF_MUTANTS,
  ...REPLICA_MUTANTS,
  ...STAGED_MUTANTS,
  ...MEMBER_CALL_MUTANTS,
  ...COORDINATION_MUTANTS,
  ...REMOTE_MUTANTS,
  ...DISK_MUTANTS,
  ...TRANSPORT_MUTANTS,
  ...LINK_MUTANTS,
  ...SOCKET_MUTANTS,
  ...ROOM_MUTANTS,
  ...EDGE_MUTANTS,
  ...KIT_FAULTS,
]
