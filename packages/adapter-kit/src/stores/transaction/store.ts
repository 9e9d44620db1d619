/**
 * A store over a medium that has transactions, and the order in which it is written. One save goes
 * like this: checked at once; with others, as one transaction, committed; answered.
 *
 * Must never answer a save before its commit, and never write after anything failed.
 */
import { claim, EMPTY_SAVED, invariant } from '@paxos/core'
import type { Change, Claim, Durability, Opened, Owner, PaxosError } from '@paxos/core'
import { asPaxosError, lostError, type Doing } from '../failure.ts'
import { GroupCommit } from '../group-commit.ts'
import { durabilityOf, type OpenStore } from '../life-cycle.ts'
import type { Lock } from '../lock.ts'
import { checkedChange, type CheckedChange } from './change.ts'
import type { LockedMedium, Session, TransactionMedium } from './medium.ts'
import { State } from './state.ts'

/**
 * A Durability over `medium`. Nothing happens before `open()`; after `close()` the same adapter can
 * be opened again. Of a change without its snapshot it takes MAX_CHANGE_BYTES, of a snapshot
 * MAX_SNAPSHOT_BYTES, and lets MAX_WAITING_BYTES wait.
 */
export function transactionStore(medium: TransactionMedium): Durability {
  const { name } = medium
  const explain: Explain = async (error, doing) =>
    (await medium.explain?.(error, doing)) ?? asPaxosError(error, doing, name)
  return durabilityOf<LockedMedium>({
    name,
    lock: () => medium.lock(),
    open: (held, owner) => openStore(held, owner, name, explain),
    explain,
  })
}

type Explain = (error: unknown, doing: Doing) => Promise<PaxosError>

async function openStore(
  held: LockedMedium,
  owner: Owner | undefined,
  name: string,
  explain: Explain,
): Promise<{ readonly store: OpenStore; readonly opened: Opened }> {
  let claimed: Claim | null = null
  const { saved, session } = await held.open((found) => {
    claimed ??= claim(name, found ?? { ...EMPTY_SAVED, identity: null }, owner)
    return claimed.identity
  })
  try {
    // TypeScript does not see the assignment in the callback.
    const { identity, isNew } = requireClaim(claimed)
    const store = new TransactionStore(session, held, new State(saved), name, explain)
    return { store, opened: { ...saved, identity, isNew } }
  } catch (error) {
    await session.close(false)
    throw error
  }
}

function requireClaim(claimed: Claim | null): Claim {
  invariant(claimed !== null, 'a medium asks who may have it before it opens')
  return claimed
}

class TransactionStore implements OpenStore {
  readonly #session: Session
  readonly #lock: Lock
  readonly #state: State
  readonly #name: string
  readonly #explain: Explain
  readonly #commit: GroupCommit<CheckedChange>

  constructor(session: Session, lock: Lock, state: State, name: string, explain: Explain) {
    this.#session = session
    this.#lock = lock
    this.#state = state
    this.#name = name
    this.#explain = explain
    this.#commit = new GroupCommit({ write: (group) => this.#write(group) })
  }

  async save(change: Change): Promise<void> {
    const checked = this.#commit.prepare(() => checkedChange(change))
    await this.#commit.add(checked, checked.bytes, checked.ownBytes)
  }

  async close(): Promise<void> {
    await this.#commit.settled()
    await this.#session.close(!this.#commit.poisoned)
  }

  async #write(group: readonly CheckedChange[]): Promise<void> {
    try {
      // Before, so as not to write where another may; and after, so that nobody hears of it in vain.
      await this.#requireHeld()
      await this.#session.commit(this.#state.apply(group))
      await this.#requireHeld()
    } catch (error) {
      throw await this.#explain(error, 'save')
    }
  }

  async #requireHeld(): Promise<void> {
    const held = await Promise.all([this.#session.isInPlace(), this.#lock.isHeld()])
    if (!held.every((isHeld) => isHeld)) throw lostError(this.#name)
  }
}
