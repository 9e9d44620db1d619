#!/usr/bin/env node
/**
 * One node of the service in one process: a replica, and HTTP in front of it. On SIGINT or SIGTERM
 * it accepts nobody any more, answers those whose requests are running, and leaves the cluster.
 */
import { Command, Option } from 'commander'
import { parseHttpAddress, parseMember, parseWhole } from './arguments.ts'
import { runCommand, UserError } from './fail.ts'
import { Feed } from './feed.ts'
import { service } from './http.ts'
import { FINISH_WITHIN_MS } from './limits.ts'
import { listen } from './listen.ts'
import type { HttpAddress } from './listen.ts'
import { jsonLog } from './log.ts'
import type { Level } from './log.ts'
import { ServiceMetrics } from './metrics.ts'
import { openReplica } from './open-replica.ts'
import { Store } from './store.ts'

interface ServerOptions {
  readonly id: string
  readonly member: Readonly<Record<string, string>>
  readonly durability: string
  readonly http: HttpAddress
  readonly log: Level
  readonly heartbeatPeriod?: number
  readonly livenessWindow?: number
}

const command = new Command('server')
  .description('Runs one node of a key-value service, until Ctrl-C.')
  .requiredOption('--id <id>', 'which of the members this node is')
  .requiredOption(
    '--member <id=address>',
    'a node, and where it listens for the others: udp://…, ws://…, grpc://…; ' +
      'repeat it for every node, this one too',
    parseMember,
  )
  .requiredOption(
    '--durability <url>',
    'where this node keeps its state: file:./a or sqlite:./a.db',
  )
  .requiredOption('--http <host:port>', 'where it listens for clients', parseHttpAddress)
  .addOption(
    new Option('--log <level>', 'what it tells on standard error, in lines of JSON')
      .choices(['debug', 'info', 'warn', 'error'])
      .default('info'),
  )
  .option(
    '--heartbeat-period <ms>',
    'how often a leader says that it is there (default: 200)',
    parseWhole(1, 60_000),
  )
  .option(
    '--liveness-window <ms>',
    'how long it may be silent (default: 1000)',
    parseWhole(2, 600_000),
  )
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  const leave = asked()
  try {
    return await serve(command.opts<ServerOptions>(), leave)
  } finally {
    // The channel to a parent would keep this process alive.
    if (process.connected) process.disconnect()
  }
})

async function serve(options: ServerOptions, leave: Promise<string>): Promise<number> {
  const { id, member: members, durability } = options
  const log = jsonLog(id, options.log)
  const feed = new Feed()
  const metrics = new ServiceMetrics()
  const replica = await openReplica({
    id,
    members,
    durability,
    heartbeatPeriodMs: options.heartbeatPeriod,
    livenessWindowMs: options.livenessWindow,
    store: new Store(feed),
    metrics,
    log,
  })
  try {
    const onFailure = (error: unknown): void => log.error('a request failed', { error })
    const app = service({ replica, feed, metrics, onFailure })
    const http = await listen(options.http, (request) => app.fetch(request))
    process.stdout.write(`Node ${id} serves ${http.url} and talks on ${members[id]}\n`)

    const ended = await Promise.race([leave, replica.stopped])
    log.info('leaving', { why: ended })
    feed.close()
    await http.close(FINISH_WITHIN_MS)
    if (ended instanceof Error) throw new UserError(`The node had to stop: ${ended.message}`)
    return 0
  } finally {
    await replica.close()
  }
}

/** Resolves with the reason when this process is to end. */
function asked(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => resolve(signal))
    process.on('disconnect', () => resolve('whoever started it has gone'))
    // The parent may have gone before anybody listened.
    if (process.send !== undefined && !process.connected) resolve('whoever started it has gone')
    // Nobody reads what it says.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => resolve('deaf'))
  })
}
