/**
 * The command line of `paxos-data`: its arguments, and what it says. Must never change anything
 * without --yes, nor write to a terminal what a value holds as it stands.
 */
import { PaxosError } from '@paxos/core'
import type { Ballot, Durability } from '@paxos/core'
import { inspectData, skipSlot } from './data.ts'
import type { DataReport, SlotReport } from './data.ts'
import { hexOf } from './hex.ts'

export const USAGE = `Shows what a stopped node has on its disk, and takes a value out of its log.

  paxos-data show URL [--slot N] [--last N] [--values]
  paxos-data skip URL --slot N [--even-if-not-chosen] [--yes]

URL            file:./directory or sqlite:./file.db, as for openDurability
--slot N       this slot alone
--last N       the last N slots that were accepted; default: 50
--values       what the commands hold too: text in quotes, other bytes in hexadecimal
--yes          do it; without it, skip says what it would do
--even-if-not-chosen
               also if this node does not know that the value is chosen

When no node gets past a slot, stop ALL nodes, look at the slot on each (show --slot N), and compare
the digests. Then skip it on EACH node that holds something in it, before any is started again. Done
on some nodes alone, their states differ for good. What was in the slot is never applied.

Exit status: 0 done, 1 refused or failed, 2 not understood.
`

/** Where the command finds its world. */
export interface DataWorld {
  readonly open: (url: string) => Promise<Durability>
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

interface Arguments {
  readonly command: 'show' | 'skip'
  readonly url: string
  readonly slot: number | null
  readonly last: number
  readonly flags: ReadonlySet<string>
}

const FLAGS = {
  show: ['--values'],
  skip: ['--yes', '--even-if-not-chosen'],
} as const

const NUMBERS = { show: ['--slot', '--last'], skip: ['--slot'] } as const

const DEFAULT_LAST = 50

const SHORT_DIGEST = 16

/** Runs the command, and returns its exit status. */
export async function runDataCommand(args: readonly string[], world: DataWorld): Promise<number> {
  if (args.length === 0 || args.includes('--help') || args.includes('-h')) {
    world.out(USAGE)
    return args.length === 0 ? 2 : 0
  }
  const parsed = parse(args)
  if (typeof parsed === 'string') {
    world.err(`${parsed} See paxos-data --help.\n`)
    return 2
  }
  try {
    return parsed.command === 'show' ? await show(parsed, world) : await skip(parsed, world)
  } catch (error) {
    world.err(`${error instanceof Error ? error.message : String(error)}\n`)
    if (!(error instanceof PaxosError)) throw error
    return 1
  }
}

async function show({ url, slot, last, flags }: Arguments, world: DataWorld): Promise<number> {
  const report = await inspectData(await world.open(url))
  if (slot === null) world.out(summaryOf(report))
  const slots =
    slot === null ? report.slots.slice(-last) : report.slots.filter((each) => each.slot === slot)
  if (slot !== null && slots.length === 0) {
    const through = report.snapshot?.through ?? 0
    world.err(
      slot <= through
        ? `A snapshot stands for slot ${slot}.\n`
        : `Nothing was accepted in slot ${slot}.\n`,
    )
    return 1
  }
  const isWhole = slot !== null
  for (const each of slots) world.out(lineOf(each, isWhole, flags.has('--values')))
  const left = slot === null ? report.slots.length - slots.length : 0
  if (left > 0) world.out(`${left} lower slots are not shown: see --last.\n`)
  return 0
}

async function skip({ url, slot, flags }: Arguments, world: DataWorld): Promise<number> {
  if (slot === null) {
    world.err('skip needs --slot N. See paxos-data --help.\n')
    return 2
  }
  const { slots, identity } = await inspectData(await world.open(url))
  const found = slots.find((each) => each.slot === slot)
  if (isOfDecree(identity)) {
    world.err('This is the disk of a Synod, which has one value and no log. Nothing was changed.\n')
    return 1
  }
  if (found !== undefined) world.out(lineOf(found, true, false))
  if (found !== undefined && !flags.has('--yes')) {
    world.err(
      'Nothing was changed. Compare the digest on every node, then say --yes, on each of them.\n',
    )
    return 1
  }
  const evenIfNotChosen = flags.has('--even-if-not-chosen')
  // Without one, skipSlot() says why there is none.
  const digest = found?.digest ?? ''
  await skipSlot(await world.open(url), { slot, digest, evenIfNotChosen })
  world.out(`Slot ${slot} is a no-op now. Skip it on every other node before you start any.\n`)
  return 0
}

function parse(args: readonly string[]): Arguments | string {
  const [command, url, ...rest] = args
  if (command !== 'show' && command !== 'skip') return `There is no command ${quoted(command)}.`
  if (url === undefined || url.startsWith('--')) return `${command} needs a URL.`
  const numbers = new Map<string, number>()
  const flags = new Set<string>()
  for (let at = 0; at < rest.length; at += 1) {
    const name = rest[at] ?? ''
    if (FLAGS[command].some((flag) => flag === name)) flags.add(name)
    else if (NUMBERS[command].some((option) => option === name)) {
      at += 1
      const text = rest[at] ?? ''
      if (!/^[1-9]\d{0,14}$/.test(text)) return `${name} takes a number from 1 on.`
      numbers.set(name, Number(text))
    } else return `${command} has no option ${quoted(name)}.`
  }
  const slot = numbers.get('--slot') ?? null
  return { command, url, slot, last: numbers.get('--last') ?? DEFAULT_LAST, flags }
}

function summaryOf({ identity, promised, chosenThrough, snapshot, slots }: DataReport): string {
  const lines = [
    `identity        ${identity === null ? 'not kept by this adapter' : printable(JSON.stringify(identity))}`,
    `promised        ${promised === null ? 'nothing' : ballotIn(promised)}`,
    `chosen through  ${chosenThrough}`,
    snapshot === null
      ? 'snapshot        none'
      : `snapshot        through ${snapshot.through}, ${snapshot.bytes} bytes`,
    ...(snapshot?.members ?? []).map(
      ({ id, address }) => `member          ${printable(id)} at ${printable(address)}`,
    ),
    `accepted        ${slots.length} slots above the snapshot`,
  ]
  return `${lines.join('\n')}\n\n`
}

function lineOf(report: SlotReport, isWhole: boolean, hasValue: boolean): string {
  const { slot, ballot, kind, bytes, digest, isKnownChosen, content } = report
  const parts = [
    `slot ${slot}`,
    `ballot ${ballotIn(ballot)}`,
    kind,
    `${bytes} bytes`,
    `sha256 ${isWhole ? digest : digest.slice(0, SHORT_DIGEST)}`,
    isKnownChosen ? 'known to be chosen' : 'not known to be chosen',
  ]
  return `${parts.join('  ')}\n${hasValue ? `  ${textOf(content)}\n` : ''}`
}

function ballotIn({ round, node }: Ballot): string {
  return `${round}.${printable(node)}`
}

/** Text as it is written in JSON, other bytes in hexadecimal. */
function textOf(content: Uint8Array): string {
  const text = new TextDecoder().decode(content)
  const isText = !text.includes('\uFFFD')
  return isText ? printable(JSON.stringify(text)) : hexOf(content)
}

/** What a terminal shows and does not obey. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, (character) => {
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
  })
}

function quoted(text: string | undefined): string {
  return printable(JSON.stringify(text ?? ''))
}

function isOfDecree(identity: unknown): boolean {
  const isKnown = typeof identity === 'object' && identity !== null && 'kind' in identity
  return isKnown && identity.kind === 'decree'
}
