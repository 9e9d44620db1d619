#!/usr/bin/env node
/**
 * The quickstart: real processes agree on a value over UDP, survive the death of one of them, and
 * remember it. Exits with 0 when all nodes agree, with 1 when they do not or something fails.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { parseLoss, parseNodes, parsePort } from './arguments.ts'
import { runCommand, UserError } from './fail.ts'
import { colors } from './colors.ts'
import { freePorts } from './ports.ts'
import { tellStory } from './story.ts'
import type { Ending } from './story.ts'
import { Timeline } from './timeline.ts'
import { proposals, quote } from './values.ts'
import { judge } from './verdict.ts'
import type { Verdict } from './verdict.ts'

const { bold, dim, green, red } = colors

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']

interface QuickstartOptions {
  readonly nodes: number
  readonly loss: number
  readonly directory?: string
  readonly port?: number
}

const command = new Command('quickstart')
  .usage('[options] [values...]')
  .description(
    'Starts real processes that agree on one value over UDP. One is killed with SIGKILL after it ' +
      'has accepted a value and before anybody knows that it is chosen; the others decide ' +
      'without it; it is started again, and learns the same value.',
  )
  .argument('[values...]', "what to agree on, one value a node; '-' is read from standard input")
  .option('--nodes <count>', 'how many nodes, from 3 to 9', parseNodes, 3)
  .option('--loss <share>', 'lose this share of all messages, from 0 to 0.9', parseLoss, 0)
  .option(
    '--directory <path>',
    'keep the promises here, and remember them (default: a temporary one)',
  )
  .option('--port <first>', 'listen from this UDP port on (default: free ones)', parsePort)
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
  const values = await proposals(typed, options.nodes)
  const ids = IDS.slice(0, options.nodes)
  const members = await addresses(ids, options.port)
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'paxos-quickstart-')))
  const timeline = new Timeline((line) => process.stdout.write(`${line}\n`))
  introduce(members, values, directory, options)
  try {
    const casting = ids.map((id, index) => ({
      id,
      members,
      directory: join(directory, id),
      propose: values[index],
      loss: options.loss,
    }))
    const ending = await tellStory(casting, timeline, interrupted())
    timeline.close()
    const verdict = judge(ending.views, ending.killed === null ? null : values)
    conclude(ending, verdict)
    return verdict.type === 'agreement' ? 0 : 1
  } finally {
    timeline.close()
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
  }
}

async function addresses(
  ids: readonly string[],
  firstPort: number | undefined,
): Promise<Record<string, string>> {
  const ports =
    firstPort === undefined ? await freePorts(ids.length) : ids.map((_, index) => firstPort + index)
  return Object.fromEntries(ids.map((id, index) => [id, `udp://127.0.0.1:${ports[index]}`]))
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
  { loss }: QuickstartOptions,
): void {
  const lines = Object.entries(members).map(([id, address], index) => {
    const value = values[index]
    const proposes = value === undefined ? dim('proposes nothing') : `proposes ${quote(value)}`
    return `  ${bold(id)}  ${dim(address)}  ${proposes}`
  })
  const lost = loss === 0 ? '' : `, and ${Math.round(loss * 100)} % of all messages are lost`
  process.stdout.write(
    `${bold(`${lines.length} processes are to agree on one value${lost}.`)}\n\n` +
      `${lines.join('\n')}\n\n  ${dim(`Their promises are kept in ${directory}`)}\n\n` +
      `${bold('What they say')} ${dim('(→ to whom; heartbeats are left out)')}\n\n`,
  )
}

function conclude({ views, killed }: Ending, verdict: Verdict): void {
  const lines = IDS.flatMap((id) => {
    const value = views.get(id)
    if (value === undefined) return []
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
