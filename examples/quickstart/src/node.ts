#!/usr/bin/env node
/**
 * One node in one process. `main.ts` starts several of these and listens to their reports; by hand
 * it runs in a terminal of its own and prints them.
 */
import { Command, Option } from 'commander'
import { parseLoss, parseMember } from './arguments.ts'
import { runCommand } from './fail.ts'
import type { Order, Report } from './report.ts'
import { runNode } from './run-node.ts'
import type { Orders } from './run-node.ts'
import { printer } from './timeline.ts'
import { readInput } from './values.ts'

interface NodeOptions {
  readonly id: string
  readonly member: Readonly<Record<string, string>>
  readonly durability: string
  readonly propose?: string
  readonly loss: number
  readonly hold: boolean
}

const command = new Command('node')
  .description('Runs one node of a cluster that agrees on one value, until Ctrl-C.')
  .requiredOption('--id <id>', 'which of the members this node is')
  .requiredOption(
    '--member <id=address>',
    'a node and where it listens; repeat it for every node, this one too',
    parseMember,
  )
  .requiredOption(
    '--durability <url>',
    'where this node keeps its promises: file:./a, sqlite:./a.db, or memory:',
  )
  .option('--propose <value>', "what this node proposes; '-' is read from standard input")
  .option('--loss <share>', 'lose this share of what is sent, from 0 to 0.9', parseLoss, 0)
  .addOption(new Option('--hold').default(false).hideHelp())
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  const { id, member: members, durability, loss, hold, ...options } = command.opts<NodeOptions>()
  try {
    const propose = options.propose === '-' ? await readInput() : options.propose
    const report = process.send === undefined ? printer(id) : toParent
    await runNode({ id, members, durability, propose, loss, hold }, {}, report, listen())
    return 0
  } finally {
    // The channel to the parent would keep this process alive.
    if (process.connected) process.disconnect()
  }
})

function toParent(report: Report): void {
  // A parent that has gone needs no reports; 'disconnect' ends this process.
  process.send?.(report, undefined, {}, () => undefined)
}

/** What the parent, or the terminal, wants of this process. */
function listen(): Orders {
  const leave = new AbortController()
  const goOn = new Promise<void>((resolve) => {
    process.on('message', (order: Order) => {
      if (order.type === 'leave') leave.abort()
      else resolve()
    })
  })
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.on(event, () => leave.abort())
  // The parent may have gone before anybody listened.
  if (process.send !== undefined && !process.connected) leave.abort()
  // Nobody reads what it says.
  process.stdout.on('error', () => leave.abort())
  return { goOn, signal: leave.signal }
}
