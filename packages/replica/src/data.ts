/**
 * What a node has on its disk, for people: what it promised and accepted, and through which slot it
 * knows what was chosen. And the one change that a person may make: to take a value out of the log
 * that no node gets past. The node must be stopped. Must never change what a snapshot stands for.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { AcceptedEntry, Ballot, Durability, Member, Saved, Slot } from '@paxos/core'
import { commandsOf, decodeEntry, isKnownKind, NO_OP } from '@paxos/core/multi'
import { hexOf } from './hex.ts'

/** One slot, as one node has accepted it. */
export interface SlotReport {
  readonly slot: Slot
  /** A value is chosen once a majority holds it with one ballot. */
  readonly ballot: Ballot
  /** What the value is, in words: 'no-op', 'command 3', '2 commands, 3', '5 commands of 4 entries', … */
  readonly kind: string
  readonly bytes: number
  /** SHA-256 of the value, in hexadecimal: equal on all nodes that hold the same. */
  readonly digest: string
  /** Whether this node knows that it is chosen. It may be without. */
  readonly isKnownChosen: boolean
  /** The bytes of the command, or of several, each with a line feed behind it; otherwise the whole value. */
  readonly content: Uint8Array
}

/** What one node has on its disk. */
export interface DataReport {
  /** Whose it is, where the adapter keeps that. */
  readonly identity: unknown
  readonly promised: Ballot | null
  /** Every slot through this one is known to be chosen; 0 when none is. */
  readonly chosenThrough: Slot
  readonly snapshot: {
    readonly through: Slot
    readonly bytes: number
    readonly members: readonly Member[]
  } | null
  /** Above the snapshot, ascending. */
  readonly slots: readonly SlotReport[]
}

/** Which slot to skip. */
export interface SkipOptions {
  readonly slot: Slot
  /**
   * Does so although this node does not know that its value is chosen. Most often it does not: what
   * a node cannot apply it seldom gets to write down as chosen. Default: false.
   */
  readonly evenIfNotChosen?: boolean
  /** The digest of the value that is meant: another one is refused. */
  readonly digest: string
}

/**
 * What `durability` holds. It is opened and closed again; rejects with LockedError while a node has
 * it open, and with whatever else the adapter's open() rejects with.
 */
export async function inspectData(durability: Durability): Promise<DataReport> {
  return await withData(durability, reportOf)
}

/**
 * Puts a no-op in the place of what was accepted in a slot, with the same ballot. To be done on ALL
 * nodes that hold anything in that slot, while all nodes of the cluster are stopped, and only when
 * their digests are equal or their values are to go alike: done on some of them alone, the nodes
 * would apply different values, for good. What was in the slot is then never applied, although its
 * caller may have been told so by a node that did.
 *
 * Rejects with InvalidArgumentError, and changes nothing, for a slot that a snapshot stands for, one
 * in which nothing was accepted, one not known to be chosen, and another value than `digest` says.
 */
export async function skipSlot(
  durability: Durability,
  { slot, digest, evenIfNotChosen = false }: SkipOptions,
): Promise<void> {
  await withData(durability, async (saved) => {
    const found = await slotToSkip(saved, slot)
    if (found.digest !== digest) {
      throw new InvalidArgumentError(
        `Slot ${slot} holds a value with the digest ${found.digest}, and not ${digest}. ` +
          'Look at it again, on every node.',
      )
    }
    if (!found.isKnownChosen && !evenIfNotChosen) {
      throw new InvalidArgumentError(
        `Whether the value in slot ${slot} is chosen is not known here. If it is the one that stops ` +
          'the nodes, or if all of them skip it, say --even-if-not-chosen (evenIfNotChosen).',
      )
    }
    await durability.save({ accepted: [{ slot, ballot: found.ballot, value: NO_OP }] })
  })
}

async function withData<T>(durability: Durability, use: (saved: Saved) => Promise<T>): Promise<T> {
  const saved = await durability.open()
  try {
    return await use(saved)
  } finally {
    await durability.close()
  }
}

async function reportOf(saved: Saved): Promise<DataReport> {
  const { promised, chosenThrough, snapshot, accepted } = saved
  const slots = await Promise.all(accepted.map((entry) => slotReportOf(entry, saved)))
  return {
    identity: 'identity' in saved ? saved.identity : null,
    promised,
    chosenThrough: Math.max(chosenThrough, snapshot?.through ?? 0),
    snapshot: snapshot === null ? null : { ...snapshot, bytes: snapshot.bytes.byteLength },
    slots,
  }
}

async function slotToSkip(saved: Saved, slot: Slot): Promise<SlotReport> {
  const through = saved.snapshot?.through ?? 0
  if (slot <= through) {
    throw new InvalidArgumentError(
      `A snapshot stands for the slots through ${through}: slot ${slot} was applied here, and cannot ` +
        'be skipped. Start this node first: it hands the others its snapshot.',
    )
  }
  const entry = saved.accepted.find((each) => each.slot === slot)
  if (entry !== undefined) return await slotReportOf(entry, saved)
  throw new InvalidArgumentError(
    `Nothing was accepted in slot ${slot} here, so there is nothing to skip. ` +
      'Skip it on the nodes that hold something in it.',
  )
}

async function slotReportOf(
  { slot, ballot, value }: AcceptedEntry,
  { chosenThrough }: Saved,
): Promise<SlotReport> {
  return {
    slot,
    ballot,
    ...readOf(value),
    bytes: value.byteLength,
    digest: await digestOf(value),
    isKnownChosen: slot <= chosenThrough,
  }
}

async function digestOf(value: Uint8Array): Promise<string> {
  // A copy, because what is hashed must be in memory that nobody shares.
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(value)))
  return hexOf(hash)
}

function readOf(value: Uint8Array): Pick<SlotReport, 'kind' | 'content'> {
  if (!isKnownKind(value)) return { kind: `unknown kind ${value[0]}`, content: value }
  try {
    const entry = decodeEntry(value)
    if (entry.type === 'command') {
      // Not of which session: whoever knows its id can use it.
      const { sequence, bytes } = entry
      return { kind: `command ${sequence}`, content: bytes }
    }
    if (entry.type === 'commands') {
      const { sequence, commands } = entry
      return { kind: `${commands.length} commands, ${sequence}`, content: inLines(commands) }
    }
    if (entry.type === 'bundle') {
      const commands = commandsOf(entry)
      const kind = `${commands.length} commands of ${entry.entries.length} entries`
      return { kind, content: inLines(commands) }
    }
    const isExpiry = entry.type === 'expire-sessions' || entry.type === 'expire-unused'
    const kind = isExpiry ? `expiry of ${entry.sessions.length} sessions` : entry.type
    return { kind, content: value }
  } catch {
    return { kind: 'malformed', content: value }
  }
}

function inLines(commands: readonly Uint8Array[]): Uint8Array {
  const lines = new Uint8Array(commands.reduce((sum, { length }) => sum + length + 1, 0))
  let end = 0
  for (const command of commands) {
    lines.set(command, end)
    end += command.length + 1
    lines[end - 1] = 0x0a
  }
  return lines
}
