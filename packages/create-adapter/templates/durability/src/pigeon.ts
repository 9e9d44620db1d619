/**
 * A durability adapter: what is particular to its medium. The life cycle, order and group commit, what
 * follows a failure, and whose it is are the kit's.
 *
 * This medium is a stand-in, which forgets everything with the process: no node may rely on it. Put
 * yours in its place, and let the suite say what is missing: each part says what it must do.
 */
import { storedAfter, transactionStore } from '@paxos/adapter-kit/stores'
import type { Stored, TransactionMedium } from '@paxos/adapter-kit/stores'
import { EMPTY_SAVED, LockedError, requireText } from '@paxos/core'
import type { Durability } from '@paxos/core'

/** The state of one node at `place`. */
export function pigeon(place: string): Durability {
  requireText('The place', place)
  return transactionStore(mediumAt(place))
}

/** What `openDurability` of @paxos/replica/url calls, once the scheme is registered. */
export function fromUrl(url: string): Durability {
  return pigeon(url.replace(/^pigeon:/, ''))
}

/** The stand-in for a disk. */
const places = new Map<string, { isLocked: boolean; stored: Stored | null }>()

function mediumAt(name: string): TransactionMedium {
  return {
    // How errors name it.
    name,

    // Keeps everybody else away, other processes too. What the system takes back by itself when a
    // process dies will do; a file that says who has it will not. lockDirectory() and lockBeside() of
    // @paxos/adapter-kit/files are such locks.
    async lock() {
      const place = places.get(name) ?? { isLocked: false, stored: null }
      if (place.isLocked) throw new LockedError(`'${name}' is open already. Close it there.`)
      places.set(name, place)
      place.isLocked = true
      return {
        isHeld: async () => place.isLocked,
        async release() {
          place.isLocked = false
        },

        // Reads everything, and asks whether the owner may have it before anything is written. What
        // cannot be read whole is a CorruptionError, never an older state.
        async open(admit) {
          const identity = admit(place.stored)
          const saved: Stored = { ...(place.stored ?? EMPTY_SAVED), identity }
          place.stored = saved
          return {
            // A copy: whoever opens it may do with it what it likes.
            saved: structuredClone(saved),
            session: {
              // Resolves when all of it would survive power loss. All of it, or nothing. A medium with
              // keys or rows writes what the transaction names, and needs no storedAfter().
              async commit(transaction) {
                place.stored = storedAfter(place.stored ?? saved, transaction)
              },
              // Whether the next open() would find it here: a directory may be removed or moved.
              isInPlace: async () => places.get(name) === place,
              close: async () => undefined,
            },
          }
        },
      }
    },
  }
}
