#!/usr/bin/env node
/**
 * The quickstart: real processes agree on a value over any transport, survive the death of one of
 * them, and remember it. Exits with 0 when all nodes agree, with 1 when they do not or something
 * fails.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { memoryHub } from '@paxos/transport-memory'
import { addresses, DURABILITIES, durabilityUrl, TRANSPORTS } from './adapters.ts'
import type { DurabilityScheme, TransportScheme } from './adapters.ts'
import { parseLoss, parseNodes, parsePort } from './arguments.ts'
import { runCommand, UserError } from './fail.ts'
import { colors } from './colors.ts'
import { startHere } from './node-here.ts'
import { NodeProcess } from './node-process.ts'
import type { StartNode } from './run-node.ts'
import { tellStory } from './story.ts'
import type { Ending } from './story.ts'
import { Timeline } from './timeline.ts'
import { proposals, quote } from './values.ts'
import { judge } from './verdict.ts'
import type { Verdict } from './verdict.ts'

const { bold, dim, green, red } = colors

/** Why a node does not come back. */
const FORGETFUL = 'was killed; its promises died with it, so that it must not come back'

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']

interface QuickstartOptions {
  readonly transport: TransportScheme
  readonly durability: DurabilityScheme
  readonly nodes: number
  readonly loss: number
  readonly directory?: string
  readonly port?: number
}

const command = new Command('quickstart')
  .usage('[options] [values...]')
  .description(
    'Starts real processes that agree on one value. One is killed with SIGKILL after it has ' +
      'accepted a value and before anybody knows that it is chosen; the others decide without it; ' +
      'it is started again, and learns the same value.',
  )
  .argument('[values...]', "what to agree on, one value a node; '-' is read from standard input")
  .addOption(
    new Option('--transport <scheme>', 'how the nodes talk; memory puts all into one process')
      .choices(TRANSPORTS)
      .default('udp'),
  )
  .addOption(
    new Option('--durability <scheme>', 'how they keep their promises; memory forgets with them')
      .choices(DURABILITIES)
      .default('file'),
  )
  .option('--nodes <count>', 'how many nodes, from 3 to 9', parseNodes, 3)
  .option('--loss <share>', 'lose this share of all messages, from 0 to 0.9', parseLoss, 0)
  .option(
    '--directory <path>',
    'keep the promises here, and remember them (default: a temporary one)',
  )
  .option('--port <first>', 'listen from this port on (default: free ones)', parsePort)
  .addHelpText(
    'after',
    '\nWithout values three nodes propose apples, bananas and cherries. A single value is\n' +
      'proposed by all nodes. Colours are left out when the output is no terminal, or when\n' +
      'NO_COLOR is set.\n',
  )
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  return await quickstart(command.args, command.opts<QuickstartOptions>())
})

async function quickstart(typed: readonly string[], options: QuickstartOptions): Promise<number> {
  const { transport, durability, loss } = options
  checkCombination(options)
  const values = await proposals(typed, options.nodes)
  const ids = IDS.slice(0, options.nodes)
  const members = await addresses(transport, ids, options.port)
  const directory = await directoryFor(options)
  const timeline = new Timeline((line) => process.stdout.write(`${line}\n`))
  introduce(members, values, directory, options)
  try {
    const casting = ids.map((id, index) => ({
      id,
      members,
      durability: durabilityUrl(durability, directory, id),
      propose: values[index],
      loss,
    }))
    const startNode = transport === 'memory' ? startHere(memoryHub()) : startProcess
    const comesBack = durability !== 'memory'
    const signal = interrupted()
    const ending = await tellStory({ casting, startNode, comesBack, timeline, signal })
    timeline.close()
    const verdict = judge(ending.views, ending.killed === null ? null : values)
    conclude(ending, verdict)
    return verdict.type === 'agreement' ? 0 : 1
  } finally {
    timeline.close()
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
  }
}

function startProcess(...args: Parameters<StartNode>): NodeProcess {
  return new NodeProcess(...args)
}

/** The one that is named, made if it is new; else a temporary one. */
async function directoryFor({ directory }: QuickstartOptions): Promise<string> {
  if (directory === undefined) return await mkdtemp(join(tmpdir(), 'paxos-quickstart-'))
  try {
    await mkdir(directory, { mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    // What is there is looked at by the adapter that opens it.
    if (code !== 'EEXIST' && code !== 'ENOTDIR') {
      const reason = error instanceof Error ? error.message : String(error)
      throw new UserError(`${directory} cannot be made (${reason}). Name another --directory.`)
    }
  }
  return directory
}

function checkCombination({ transport, durability, directory, port }: QuickstartOptions): void {
  if (transport === 'memory' && port !== undefined) {
    throw new UserError('A memory transport has no ports. Leave out --port, or choose udp.')
  }
  if (durability === 'memory' && directory !== undefined) {
    throw new UserError('Memory is no directory. Leave out --directory, or choose file.')
  }
}

/** Aborts on Ctrl-C, when somebody asks this process to end, or when nobody reads what it says. */
function interrupted(): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => {
    controller.abort(new UserError('Interrupted. The nodes were stopped; run the command again.'))
  }
  for (const event of ['SIGINT', 'SIGTERM']) process.once(event, abort)
  process.stdout.on('error', abort)
  return controller.signal
}

function introduce(
  members: Readonly<Record<string, string>>,
  values: readonly (string | undefined)[],
  directory: string,
  { transport, durability, loss }: QuickstartOptions,
): void {
  const lines = Object.entries(members).map(([id, address], index) => {
    const value = values[index]
    const proposes = value === undefined ? dim('proposes nothing') : `proposes ${quote(value)}`
    return `  ${bold(id)}  ${dim(address)}  ${proposes}`
  })
  const lost = loss === 0 ? '' : `, and ${Math.round(loss * 100)} % of all messages are lost`
  const who = transport === 'memory' ? 'nodes in one process' : 'processes'
  const kept = durability === 'memory' ? 'memory, and are gone with them' : directory
  process.stdout.write(
    `${bold(`${lines.length} ${who} are to agree on one value${lost}.`)}\n\n` +
      `${lines.join('\n')}\n\n  ${dim(`Their promises are kept in ${kept}`)}\n\n` +
      `${bold('What they say')} ${dim('(→ to whom; heartbeats are left out)')}\n\n`,
  )
}

function conclude({ views, killed }: Ending, verdict: Verdict): void {
  const lines = IDS.flatMap((id) => {
    const value = views.get(id)
    if (value === undefined && id !== killed) return []
    if (value === undefined) return `  ${bold(id)}  ${dim(FORGETFUL)}`
    const fate = id === killed ? dim('  was killed, started again, and learnt it') : ''
    return `  ${bold(id)}  ${quote(value)}${fate}`
  })
  const story = killed === null ? 'It was chosen in an earlier run, and they remember it.' : ''
  process.stdout.write(
    `\n${bold('What each node knows')}\n\n${lines.join('\n')}\n\n` +
      `${sentence(verdict, views.size)} ${story}`.trimEnd() +
      '\n',
  )
}

function sentence(verdict: Verdict, nodes: number): string {
  switch (verdict.type) {
    case 'agreement':
      return green(bold(`All ${nodes} nodes agree on ${quote(verdict.value)}.`))
    case 'disagreement':
      return red(bold(`The nodes disagree: ${verdict.values.map(quote).join(', ')}.`))
    case 'invention':
      return red(bold(`The nodes agree on ${quote(verdict.value)}, which nobody proposed.`))
  }
}
