/**
 * A key-value store in memory that writes batches, whole or not at all, and the medium over it: what
 * somebody would write for such a store. It can be held, refuse, stop before or within any call, and
 * be damaged; what it had not written is gone then.
 */
import { CorruptionError, EMPTY_SAVED, LockedError } from '@paxos/core'
import { createHash } from 'node:crypto'
import type { Saved } from '@paxos/core'
import type { Stored, TransactionMedium } from '../../../src/stores/transaction/medium.ts'

/** Texts, so that nothing is shared; null removes the key. */
type Batch = readonly (readonly [key: string, value: string | null])[]

export class SimulatedBatches {
  readonly rows: Map<string, string>
  /** How many calls were made: each is a place where it may stop. */
  calls = 0
  /** Batches that are held. */
  waiting = 0
  isOpen = false
  isLocked = false
  isInPlace = true
  /** How many batches were begun. */
  begun = 0
  /** It stops at this call: before it is done, or right after. */
  stopAt: { readonly call: number; readonly isDone: boolean } | null = null
  isFailing = false
  #isDown = false
  #gate: Promise<void> | null = null
  #openGate: () => void = () => undefined

  constructor(rows: ReadonlyMap<string, string> = new Map()) {
    this.rows = new Map(rows)
  }

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve
    })
  }

  release(): void {
    this.#gate = null
    this.#openGate()
  }

  /** The process is gone, between two calls. */
  stop(): void {
    this.#isDown = true
  }

  read(): Promise<ReadonlyMap<string, string>> {
    return this.#call(() => new Map(this.rows))
  }

  async write(batch: Batch): Promise<void> {
    if (this.isFailing) throw Object.assign(new Error('simulated'), { code: 'EIO' })
    this.begun += 1
    this.waiting += 1
    await this.#gate
    this.waiting -= 1
    await this.#call(() => {
      for (const [key, value] of batch) {
        if (value === null) this.rows.delete(key)
        else this.rows.set(key, value)
      }
    })
  }

  async #call<T>(run: () => T): Promise<T> {
    if (this.#isDown) throw new Error('It has stopped.')
    this.calls += 1
    const stops = this.calls === this.stopAt?.call
    if (stops) this.#isDown = true
    if (stops && this.stopAt?.isDone !== true) throw new Error('It has stopped.')
    const result = run()
    if (stops) throw new Error('It has stopped.')
    return result
  }
}

/** The medium: a key for what is single, for the snapshot, for each accepted entry, and for the digest. */
export function batchMedium(store: SimulatedBatches): TransactionMedium {
  return {
    name: 'the store',
    async lock() {
      if (store.isLocked)
        throw new LockedError('The store is open elsewhere. Close it there first.')
      store.isLocked = true
      return {
        isHeld: async () => store.isLocked,
        async release() {
          store.isLocked = false
        },
        async open(admit) {
          const rows = new Map(await store.read())
          const found = storedIn(rows)
          const identity = admit(found)
          const write = async (batch: Batch) => {
            for (const [key, value] of batch) {
              if (value === null) rows.delete(key)
              else rows.set(key, value)
            }
            const digest = digestOf(rows)
            rows.set(DIGEST, digest)
            await store.write([...batch, [DIGEST, digest]])
          }
          const saved = { ...(found ?? { ...EMPTY_SAVED, identity: null }), identity }
          const head = (single: Pick<Saved, 'promised' | 'chosenThrough' | 'admitted'>) =>
            [HEAD, encode({ ...single, identity })] as const
          // Also where it is as it was: what is durable then is what this shows.
          const { promised: round, chosenThrough: chosen, admitted: isIn } = saved
          await write([head({ promised: round, chosenThrough: chosen, admitted: isIn })])
          store.isOpen = true
          return {
            saved,
            session: {
              commit: ({ promised, chosenThrough, admitted, accepted, discarded, snapshot }) =>
                write([
                  head({ promised, chosenThrough, admitted }),
                  ...discarded.map((slot) => [`${slot}`, null] as const),
                  ...accepted.map((entry) => [`${entry.slot}`, encode(entry)] as const),
                  ...(snapshot === null ? [] : [[SNAPSHOT, encode(snapshot)] as const]),
                ]),
              isInPlace: async () => store.isInPlace,
              async close() {
                store.isOpen = false
              },
            },
          }
        },
      }
    },
  }
}

const HEAD = 'head'
const SNAPSHOT = 'snapshot'
const DIGEST = 'digest'

function digestOf(rows: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256')
  for (const key of [...rows.keys()].toSorted()) {
    if (key !== DIGEST) hash.update(JSON.stringify([key, rows.get(key)]))
  }
  return hash.digest('hex')
}

function storedIn(rows: ReadonlyMap<string, string>): Stored | null {
  if (rows.size === 0) return null
  const head = rows.get(HEAD)
  if (head === undefined || rows.get(DIGEST) !== digestOf(rows)) {
    throw new CorruptionError('The store is damaged. Bring it back as it was.')
  }
  const entries = [...rows].filter(([key]) => /^\d+$/.test(key))
  const accepted = entries.map(([, value]) => JSON.parse(value, revive))
  return {
    ...JSON.parse(head, revive),
    snapshot: JSON.parse(rows.get(SNAPSHOT) ?? 'null', revive),
    accepted: accepted.toSorted((a: { slot: number }, b: { slot: number }) => a.slot - b.slot),
  }
}

function encode(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each instanceof Uint8Array ? { base64: Buffer.from(each).toString('base64') } : each,
  )
}

function revive(_: string, value: unknown): unknown {
  const isBytes = typeof value === 'object' && value !== null && 'base64' in value
  return isBytes ? new Uint8Array(Buffer.from(String(value.base64), 'base64')) : value
}
