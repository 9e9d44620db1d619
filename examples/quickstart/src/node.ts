#!/usr/bin/env node
/**
 * One node in one process. `main.ts` starts several of these and listens to their reports; by hand
 * it runs in a terminal of its own and prints them. It keeps its promises in a directory.
 */
import { Command, Option } from 'commander'
import { FIRST_SLOT } from '@paxos/core'
import { file } from '@paxos/durability-file'
import { Synod } from '@paxos/replica'
import { udp } from '@paxos/transport-udp'
import { parseLoss, parseMember } from './arguments.ts'
import { runCommand } from './fail.ts'
import { lossy } from './lossy.ts'
import { nowMs } from './report.ts'
import type { Order, Report } from './report.ts'
import { reporter } from './reporter.ts'
import { staged } from './staged.ts'
import { printer } from './timeline.ts'
import { readInput } from './values.ts'

interface NodeOptions {
  readonly id: string
  readonly member: Readonly<Record<string, string>>
  readonly directory: string
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
  .requiredOption('--directory <path>', 'where this node keeps its promises')
  .option('--propose <value>', "what this node proposes; '-' is read from standard input")
  .option('--loss <share>', 'lose this share of what is sent, from 0 to 0.9', parseLoss, 0)
  .addOption(new Option('--hold').default(false).hideHelp())
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  try {
    await runNode(command.opts<NodeOptions>())
    return 0
  } finally {
    // The channel to the parent would keep this process alive.
    if (process.connected) process.disconnect()
  }
})

async function runNode(options: NodeOptions): Promise<void> {
  const { id, member: members, directory, loss, hold } = options
  const propose = options.propose === '-' ? await readInput() : options.propose
  const report = process.send === undefined ? printer(id) : toParent
  const orders = listen()
  const durability = staged(file(directory), {
    opened({ promised, accepted, chosenThrough }) {
      const entry = accepted.find(({ slot }) => slot === FIRST_SLOT) ?? null
      const isChosen = chosenThrough >= FIRST_SLOT
      report({ type: 'opened', atMs: nowMs(), promised, accepted: entry, isChosen })
    },
    async accepted(ballot) {
      if (!hold) return
      report({ type: 'holding', atMs: nowMs(), ballot })
      await orders.goOn
    },
  })
  const synod = await Synod.open<string>({
    cluster: 'quickstart',
    id,
    members,
    transport: lossy(udp(), loss),
    durability,
    // Short, because everything is on one machine.
    heartbeatPeriodMs: 50,
    livenessWindowMs: 300,
    retransmitIntervalMs: 100,
    observe: reporter(report),
  })
  try {
    const { signal } = orders
    const value = await (propose === undefined
      ? synod.learn({ signal })
      : synod.propose(propose, { signal }))
    report({ type: 'chosen', atMs: nowMs(), value })
    await orders.left
  } catch (error) {
    if (!orders.signal.aborted) throw error
  } finally {
    await synod.close()
  }
}

function toParent(report: Report): void {
  // A parent that has gone needs no reports; 'disconnect' ends this process.
  process.send?.(report, undefined, {}, () => undefined)
}

/** What the parent, or the terminal, wants of this process. */
function listen(): {
  /** Resolves when a node that holds may go on, or is to leave. */
  readonly goOn: Promise<void>
  /** Resolves, and `signal` aborts, when this node is to leave. */
  readonly left: Promise<void>
  readonly signal: AbortSignal
} {
  const leave = new AbortController()
  const left = new Promise<void>((resolve) => {
    leave.signal.addEventListener('abort', () => resolve())
  })
  const goOn = new Promise<void>((resolve) => {
    process.on('message', (order: Order) => {
      if (order.type === 'leave') leave.abort()
      resolve()
    })
    leave.signal.addEventListener('abort', () => resolve())
  })
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.on(event, () => leave.abort())
  // The parent may have gone before anybody listened.
  if (process.send !== undefined && !process.connected) leave.abort()
  // Nobody reads what it says.
  process.stdout.on('error', () => leave.abort())
  return { goOn, left, signal: leave.signal }
}
