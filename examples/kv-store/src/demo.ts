#!/usr/bin/env node
/**
 * The demonstration: three servers load real data while their leader is killed with SIGKILL and
 * started again, and while another one loses its disk and is replaced. Exits with 0 when all three hold
 * the same data and every acknowledged write, with 1 and a sentence otherwise.
 */
import { setMaxListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { parseWhole } from './arguments.ts'
import { Cluster, DURABILITIES, TRANSPORTS } from './cluster.ts'
import type { DurabilityScheme, TransportScheme } from './cluster.ts'
import { colors } from './colors.ts'
import type { Summary } from './commands.ts'
import { runCommand, UserError } from './fail.ts'
import { Load } from './load.ts'
import { progress } from './progress.ts'
import { readRecords, RECORDS } from './records.ts'
import { loseDisk } from './replacement.ts'
import type { Replacement } from './replacement.ts'
import { verify } from './verify.ts'

const { bold, dim, green } = colors

/** Enough to keep a disk busy, few enough for a laptop. */
const WRITERS = 32

const INTERRUPTED = 'Interrupted. The servers were stopped; run the command again.'

interface DemoOptions {
  readonly transport: TransportScheme
  readonly durability: DurabilityScheme
  readonly records: number
  readonly directory?: string
  readonly keep: boolean
}

const command = new Command('demo')
  .description(
    'Starts three servers, loads the names of some thousand characters through them, kills the one ' +
      'that leads with SIGKILL on the way, starts it again, wipes the disk of another, replaces it, and ' +
      'checks that all three hold the same and that no acknowledged write is lost.',
  )
  .addOption(
    new Option('--transport <scheme>', 'how the nodes talk').choices(TRANSPORTS).default('udp'),
  )
  .addOption(
    new Option('--durability <scheme>', 'how they keep what they have accepted')
      .choices(DURABILITIES)
      .default('file'),
  )
  .option(
    '--records <count>',
    `how many to load, up to ${RECORDS}`,
    parseWhole(1, RECORDS),
    RECORDS,
  )
  .option('--directory <path>', 'keep the state here (default: a temporary one)')
  .option('--keep', 'leave the servers running, until Ctrl-C', false)
  .addHelpText(
    'after',
    '\nColours and the progress bar are left out when the output is no terminal, or when NO_COLOR\n' +
      'is set.\n',
  )
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  return await demo(command.opts<DemoOptions>())
})

async function demo(options: DemoOptions): Promise<number> {
  const { transport, durability } = options
  const over = new AbortController()
  // Each writer listens while it waits, and the check after it; more would be a leak.
  setMaxListeners(2 * WRITERS, over.signal)
  const interrupted = untilInterrupted()
  void interrupted.then(() => over.abort(new UserError(INTERRUPTED)))
  const records = await readRecords(options.records)
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'paxos-kv-store-')))
  const onFailure = (error: UserError): void => over.abort(error)
  const cluster = await Cluster.prepare({ transport, durability, directory, onFailure })
  try {
    introduce(cluster, directory, options)
    await cluster.start()
    const story = await load(cluster, records, over.signal)
    const summary = await verify({
      urls: cluster.urls,
      throughRevision: story.load.newestRevision,
      acknowledged: story.load.acknowledged,
      signal: over.signal,
    })
    conclude(story, summary)
    if (options.keep) await keep(cluster, interrupted, over.signal)
    return 0
  } catch (error) {
    // Whatever was being waited for, this is why it was in vain.
    over.signal.throwIfAborted()
    throw error
  } finally {
    await cluster.leave()
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
  }
}

/** What happened while the records were loaded. */
interface Story {
  readonly load: Load
  readonly killed: string
  readonly leaderAfter: string
  readonly pauseMs: number
  readonly replaced: Replacement
}

async function load(
  cluster: Cluster,
  records: Awaited<ReturnType<typeof readRecords>>,
  signal: AbortSignal,
): Promise<Story> {
  await cluster.leader(signal)
  const line = progress(records.length, process.stdout)
  try {
    const { urls } = cluster
    const onProgress = (at: Load): void => line.update(at)
    const loading = new Load({ urls, records, writers: WRITERS, signal, onProgress })
    await loading.reached(Math.ceil(records.length / 2))
    const killed = await cluster.leader(signal)
    loading.measurePauses()
    await cluster.kill(killed)
    line.say(`${killed} led, and was killed`)
    await loading.reached(Math.ceil(records.length * (5 / 8)))
    const pauseMs = loading.longestPauseMs
    const leaderAfter = await cluster.leader(signal)
    line.say(`${killed} led, and was killed: no write for ${Math.round(pauseMs)} ms; it is back`)
    await cluster.start(killed)
    await loading.reached(Math.ceil(records.length * (3 / 4)))
    const victim = cluster.ids.find((id) => id !== killed && id !== leaderAfter) ?? killed
    line.say(`${victim} loses its disk`)
    const replaced = await loseDisk(cluster, victim, signal)
    line.say(`${victim} lost its disk, was replaced, and votes again`)
    await loading.done
    return { load: loading, killed, leaderAfter, pauseMs, replaced }
  } finally {
    line.stop()
  }
}

function introduce(
  cluster: Cluster,
  directory: string,
  { records, transport, durability }: DemoOptions,
): void {
  process.stdout.write(
    `${bold(`Three servers load ${records} records; the one that leads is killed, and one loses its disk.`)}\n\n` +
      `${cluster.ids.map((id) => `  ${bold(id)}  ${dim(cluster.url(id))}\n`).join('')}\n` +
      `  ${dim(`They talk over ${transport}; what they accept is in ${directory} (${durability})`)}\n\n`,
  )
}

function conclude(story: Story, summary: Summary): void {
  const { load: loaded, killed, leaderAfter, pauseMs, replaced } = story
  const { acknowledged, elapsedMs, rate } = loaded
  const facts = [
    [
      'loaded',
      `${acknowledged.size} records in ${inSeconds(elapsedMs)}, ${Math.round(rate)} writes/s`,
    ],
    ['killed', `${killed}, which led, with SIGKILL; started again`],
    ['paused', `no write was acknowledged for ${Math.round(pauseMs)} ms; then ${leaderAfter} led`],
    ['wiped', `the disk of ${replaced.id}, which was started, and refused to vote. It said:`],
    ['', dim(replaced.refusal)],
    ['replaced', `${replaced.command}: it votes again after ${inSeconds(replaced.tookMs)}`],
    ['held', `${summary.count} keys on each node, SHA-256 ${summary.digest.slice(0, 16)}…`],
  ]
  process.stdout.write(
    `\n${facts.map(([name = '', fact = '']) => `  ${dim(name.padEnd(10))}${fact}\n`).join('')}\n` +
      `${green(bold('All three nodes hold the same, and every acknowledged write.'))}\n`,
  )
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** Leaves the servers to the user, until Ctrl-C or until one fails. */
async function keep(
  cluster: Cluster,
  interrupted: Promise<void>,
  failed: AbortSignal,
): Promise<void> {
  const [a, b, c] = cluster.urls
  process.stdout.write(
    `\nThe servers go on. Try this in another terminal, and end them with Ctrl-C:\n\n` +
      `  curl -i ${a}/keys/U+0041\n` +
      `  curl -i -X PUT --data-raw hello ${b}/keys/greeting\n` +
      `  curl -N ${c}/watch?prefix=greeting\n` +
      `  curl ${a}/status\n`,
  )
  const failure = new Promise<never>((_, reject) => {
    failed.addEventListener('abort', () => reject(failed.reason), { once: true })
  })
  failure.catch(() => undefined)
  await Promise.race([interrupted, failure])
}

/** Resolves on Ctrl-C, when somebody asks this process to end, or when nobody reads what it says. */
function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM']) process.once(event, () => resolve())
    process.stdout.on('error', () => resolve())
  })
}
