/**
 * A Durability in the files of one directory: a log, and the snapshot that it refers to. The work is
 * in store.ts, and who may call what when in ../life-cycle.ts. It must know nothing of the medium
 * beyond its few operations.
 */
import type { Durability } from '@paxos/core'
import { asPaxosError } from '../failure.ts'
import { durabilityOf } from '../life-cycle.ts'
import type { AppendMedium, LockedDirectory } from './file-system.ts'
import { openStore } from './store.ts'

/**
 * A Durability over `medium`. Nothing happens before `open()`; after `close()` the same adapter can
 * be opened again. When the directory, the log in it or the lock is removed, moved or replaced, no
 * later save is acknowledged. Of a change without its snapshot it takes MAX_CHANGE_BYTES, of a
 * snapshot MAX_SNAPSHOT_BYTES, or MAX_STAGED_BYTES where it is staged, and lets MAX_WAITING_BYTES wait.
 */
export function appendStore(medium: AppendMedium): Durability {
  const { name, fs, sentences = {} } = medium
  return durabilityOf<LockedDirectory>({
    name,
    stages: true,
    lock: () => medium.lock(),
    open: (held, owner, options) =>
      openStore({ fs, directory: held.directory, lock: held, sentences }, owner, options),
    explain: (error, doing) => asPaxosError(error, doing, name, sentences),
  })
}
