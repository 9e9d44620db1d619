/**
 * A durability adapter that keeps the contract in the simplest way, and can be told to break one
 * promise of it. The suite must pass the honest one, and catch every broken one.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  CorruptionError,
  DurabilityError,
  EMPTY_SAVED,
  IdentityError,
  LockedError,
  PaxosError,
} from '@paxos/core'
import type { Change, Durability, Opened, Owner, Saved } from '@paxos/core'
import { writeFixture } from '@paxos/testkit'
import type { DurabilityHarness, Found, Life } from '@paxos/testkit'
import { APPLYING, apply, CONTENT_FAULTS, copyOf, SHOWING, STORING } from './faulty-contents.ts'
import { compared, COMPARING, COMPARING_FAULTS, rewriting } from './faulty-comparing.ts'
import { claimed, IDENTITY_FAULTS, identityIn } from './faulty-identity.ts'
import { SimpleDisk, turn } from './simple-disk.ts'
import type { DiskRecord } from './simple-disk.ts'

/** Promises that can be broken, one at a time. */
export const DURABILITY_FAULTS = [
  ...CONTENT_FAULTS,
  ...COMPARING_FAULTS,
  ...IDENTITY_FAULTS,
  'forgets all at the third opening',
  'keeps the bytes of the caller',
  'shows its own bytes',
  'resolves before the sync',
  'never syncs',
  'syncs every other group',
  'resolves with a sync what came while it ran',
  'resolves at once what is being written already',
  'skips what is durable already',
  'tries a failed sync again',
  'lets a later save overtake',
  'writes a change in two parts',
  'removes an entry before it writes the next',
  'removes entries before it writes what a snapshot leaves',
  'keeps what comes behind a gap',
  'appends behind what a crash left',
  'goes on after a failed save',
  'keeps half of a failed save',
  'shows an older state for a damaged one',
  'has no checksums',
  'raises an error of its own for damage',
  'keeps the location when damage is refused',
  'cannot read the release before',
  'opens one location twice',
  'is freed by an adapter that was refused',
  'is freed by a late close',
  'opens twice',
  'saves before it is open',
  'saves while it closes',
  'saves after it closed',
  'does not wait for saves',
  'gives up running saves',
  'gives up what waits behind the group that runs',
  'waits for saves at its first close only',
  'keeps the location when the disk refuses',
  'keeps the location when the owner cannot be',
  'closes only once',
  'leaves a timer running',
  'opens though it was closed',
] as const

export type DurabilityFault = (typeof DURABILITY_FAULTS)[number]
type Fault = DurabilityFault | null

/** Of a sync that fails. */
const MAX_ATTEMPTS = 100

/** Longer than the suite looks, and over before the tests are. */
const LEFT_RUNNING_MS = 1_500

/** A location of its own, whose adapters have `fault`, or none. */
export function honestDurability(fault: Fault = null): DurabilityHarness {
  let disk = new SimpleDisk()
  return {
    durability: () => makeAdapter(disk, fault),
    hold() {
      const held = disk
      return { waiting: () => waitingFor(held), release: held.hold() }
    },
    fail() {
      disk.isFailing = true
      return () => {
        disk.isFailing = false
      }
    },
    crash() {
      disk.isDown = true
      disk = new SimpleDisk(disk.synced, disk.mark)
    },
    crashesDuring: (life) => crashesDuring(life, fault),
    damages: () => damagesTo(disk, fault),
    async *fixtures() {
      const written = new SimpleDisk()
      await writeFixture(makeAdapter(written, null))
      yield { what: 'an upgrade', durability: () => makeAdapter(written, fault) }
    },
  }
}

async function waitingFor(disk: SimpleDisk): Promise<void> {
  while (disk.waiting === 0) await turn()
}

async function* crashesDuring(life: Life, fault: Fault): AsyncGenerator<Found> {
  const whole = new SimpleDisk()
  await life(makeAdapter(whole, fault))
  for (let step = 1; step <= whole.steps + 1; step += 1) {
    const disk = new SimpleDisk()
    disk.powerCutAt = step
    await life(makeAdapter(disk, fault))
    const { written } = disk
    const torn = written.map((record) => ({ ...record, isWhole: false }))
    for (const left of [written, [], torn, written.slice(1), written.slice(0, 1)]) {
      const found = new SimpleDisk([...disk.synced, ...left], disk.mark)
      const what = `power loss at step ${step}, leaving ${left.length} records`
      yield { what, durability: () => makeAdapter(found, fault) }
    }
  }
}

async function* damagesTo(disk: SimpleDisk, fault: Fault): AsyncGenerator<Found> {
  for (const [index, record] of disk.records.entries()) {
    const change = { ...record.change, promised: { round: 77, node: 'damaged' } }
    const records = disk.records.with(index, { ...record, change, isWhole: false })
    const found = new SimpleDisk(records, disk.mark)
    yield { what: `damage to record ${index}`, durability: () => makeAdapter(found, fault) }
  }
}

interface Waiting {
  readonly change: Change
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

function makeAdapter(disk: SimpleDisk, fault: Fault): Durability {
  const self = Symbol('adapter')
  let phase: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let number = 0
  let poison: DurabilityError | null = null
  let waiting: Waiting[] = []
  let running: Promise<void> | null = null
  let closings = 0
  let groups = 0
  let durable: Saved = EMPTY_SAVED
  let writing: readonly Change[] = []

  async function open(owner?: Owner): Promise<Opened> {
    if (phase !== 'new' && fault !== 'opens twice') throw stateError()
    phase = 'opening'
    await turn()
    const isTaken = disk.owner !== null && disk.owner !== self
    if (isTaken && fault !== 'opens one location twice') {
      phase = 'closed'
      throw new LockedError('Somebody has it open. Close that one first.')
    }
    if (wasClosed() && fault !== 'opens though it was closed') throw stateError()
    disk.owner = self
    disk.openings += 1
    try {
      const opened = await recover(owner)
      phase = 'open'
      return opened
    } catch (error) {
      phase = 'closed'
      if (fault !== `keeps the location when ${whyOf(error)}`) disk.owner = null
      throw error
    }
  }

  /** Asked anew: close() may have come while open() waited. */
  function wasClosed(): boolean {
    return phase === 'closed'
  }

  async function recover(owner: Owner | undefined): Promise<Opened> {
    const records = recovered(disk, fault)
    let saved: Saved = EMPTY_SAVED
    const rewrite = rewriting(fault)
    for (const { change } of records) {
      saved = applied(saved, keepsBytes(fault) ? change : copyOf(change), fault)
      saved = rewrite(saved, change)
    }
    durable = saved
    const before = identityIn(records, fault)
    const { identity, isNew, error } = claimed({ ...saved, identity: before }, owner, fault)
    if (error !== null && fault !== 'takes what it refuses') throw error
    disk.synced = fault === 'appends behind what a crash left' ? disk.records : records
    disk.written = []
    disk.mark = records.length
    number = records.length
    if (identity !== null && identity !== before) {
      if (fault === 'forgets what there was when it is given an owner') await disk.clear()
      await disk.write({ number: (number += 1), change: {}, identity, isWhole: true })
      if (fault !== 'gives an identity that is not durable') await disk.sync()
    }
    if (error !== null) throw error
    return { ...(SHOWING[fault ?? '']?.(saved) ?? saved), identity, isNew }
  }

  async function save(change: Change): Promise<void> {
    if (!maySave()) throw stateError()
    if (poison !== null && fault !== 'goes on after a failed save') throw poison
    const stored = STORING[fault ?? '']?.(change) ?? compared(change, fault)
    if (isSkipped(stored)) return
    const copy = keepsBytes(fault) ? stored : copyOf(stored)
    const saved = new Promise<void>((resolve, reject) => {
      waiting.push({ change: copy, resolve, reject })
      running ??= run()
    })
    if (fault === 'resolves before the sync') saved.catch(() => undefined)
    else await saved
  }

  function maySave(): boolean {
    if (phase === 'open') return true
    if (phase === 'new') return fault === 'saves before it is open'
    if (phase !== 'closed') return false
    const isClosing = disk.owner === self
    return fault === (isClosing ? 'saves while it closes' : 'saves after it closed')
  }

  function isSkipped(change: Change): boolean {
    return (
      (fault === 'resolves at once what is being written already' &&
        writing.some((other) => isDeepStrictEqual(change, other))) ||
      (fault === 'skips what is durable already' &&
        isDeepStrictEqual(apply(durable, change), durable))
    )
  }

  async function run(): Promise<void> {
    await turn()
    while (waiting.length > 0) {
      await runGroup(waiting.splice(0))
      if (fault === 'gives up what waits behind the group that runs' && wasClosed()) {
        for (const { reject } of waiting.splice(0)) reject(stateError())
      }
    }
    running = null
  }

  async function runGroup(group: readonly Waiting[]): Promise<void> {
    const inOrder = fault === 'lets a later save overtake' ? group.toReversed() : group
    writing = group.map(({ change }) => change)
    groups += 1
    try {
      for (const { change } of inOrder) await write(change)
      if (fault !== 'never syncs' && (fault !== 'syncs every other group' || groups % 2 === 1)) {
        await sync()
      }
      for (const change of writing) durable = apply(durable, change)
      writing = []
      for (const { resolve } of group) resolve()
      if (fault === 'resolves with a sync what came while it ran') {
        for (const { resolve } of waiting) resolve()
      }
    } catch (cause) {
      poison ??= failure('ERR_PAXOS_DURABILITY_POISONED', cause)
      for (const { reject } of [...group, ...waiting.splice(0)]) {
        reject(failure('ERR_PAXOS_DURABILITY_FAILED', cause))
      }
    }
  }

  async function sync(): Promise<void> {
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
      try {
        await disk.sync()
        return
      } catch (error) {
        if (fault !== 'tries a failed sync again' || disk.isDown) throw error
      }
    }
    throw new Error('The disk refuses.')
  }

  async function write(change: Change): Promise<void> {
    const { promised, ...rest } = change
    if (fault === 'writes a change in two parts' && promised !== undefined) {
      await append({ promised })
      await append(rest)
      return
    }
    const rewrites =
      (fault === 'removes an entry before it writes the next' && change.accepted?.length === 1) ||
      (fault === 'removes entries before it writes what a snapshot leaves' && change.snapshot)
    if (rewrites) {
      const { records } = disk
      await disk.clear()
      for (const record of records) await disk.write(record)
    }
    if (fault === 'keeps half of a failed save' && disk.isFailing) {
      disk.synced = [...disk.synced, { number: (number += 1), change: rest, isWhole: true }]
    }
    await append(change)
  }

  async function append(change: Change): Promise<void> {
    number += 1
    await disk.write({ number, change, isWhole: true })
  }

  async function close(): Promise<void> {
    closings += 1
    if (closings > 1 && fault === 'closes only once') throw new Error('It is closed.')
    const freesAll =
      (closings === 1 && fault === 'is freed by an adapter that was refused') ||
      (closings === 2 && fault === 'is freed by a late close')
    phase = 'closed'
    if (fault === 'leaves a timer running') setTimeout(() => undefined, LEFT_RUNNING_MS)
    if (fault === 'gives up running saves') {
      for (const { reject } of waiting.splice(0)) reject(stateError())
    }
    const isFirst = closings === 1 || fault !== 'waits for saves at its first close only'
    if (fault !== 'does not wait for saves' && isFirst) await running
    if (disk.owner === self || freesAll) disk.owner = null
  }

  return { open, save, close }
}

function whyOf(error: unknown): string {
  if (error instanceof IdentityError) return 'an owner is refused'
  if (error instanceof CorruptionError) return 'damage is refused'
  return error instanceof PaxosError ? 'the owner cannot be' : 'the disk refuses'
}

/** The records that count: as far as they are whole and follow on one another. */
function recovered({ records, mark, openings }: SimpleDisk, fault: Fault): readonly DiskRecord[] {
  if (fault === 'forgets all at the third opening' && openings > 2) return []
  if (fault === 'has no checksums') return records
  if (fault === 'keeps what comes behind a gap') return records.filter(({ isWhole }) => isWhole)
  if (fault === 'cannot read the release before' && isFixture(records)) throw damaged()
  const end = records.findIndex(({ number, isWhole }, index) => number !== index + 1 || !isWhole)
  const whole = end === -1 ? records : records.slice(0, end)
  if (whole.length >= mark || fault === 'shows an older state for a damaged one') return whole
  if (fault !== 'raises an error of its own for damage') throw damaged()
  throw failure('ERR_PAXOS_DURABILITY_FAILED', null)
}

function applied(before: Saved, change: Change, fault: Fault): Saved {
  const after = apply(before, change)
  const spoil = APPLYING[fault ?? ''] ?? COMPARING[fault ?? '']
  return spoil?.(before, change, after) ?? after
}

function keepsBytes(fault: Fault): boolean {
  return fault === 'keeps the bytes of the caller' || fault === 'shows its own bytes'
}

function isFixture(records: readonly DiskRecord[]): boolean {
  return records.some(({ change }) => change.accepted?.some(({ slot }) => slot === 2 ** 40))
}

function stateError(): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_STATE', 'Not now. Make a new adapter.')
}

function failure(code: DurabilityError['code'], cause: unknown): DurabilityError {
  return new DurabilityError(code, 'The disk refused. Open it afresh.', { cause })
}

function damaged(): CorruptionError {
  return new CorruptionError('What was durable cannot be read. Restore the disk.')
}
