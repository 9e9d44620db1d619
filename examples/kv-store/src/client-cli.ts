#!/usr/bin/env node
/**
 * The client on the command line. What it prints goes to standard output as it is: a value, or JSON,
 * one line for each entry or change. Exits with 1 and a sentence when a key is absent or a condition
 * does not hold.
 */
import { Command, Option } from 'commander'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { parseNode, parseWhole } from './arguments.ts'
import { connect } from './client.ts'
import type { Client } from './client.ts'
import { membersCommands } from './client-cli-members.ts'
import { runCommand, UserError } from './fail.ts'
import { DEFAULT_CALL_TIMEOUT_MS, MAX_TIMEOUT_MS } from './limits.ts'
import type { Consistency } from './replica.ts'
import { readPublic, readSecret } from './secret-files.ts'
import { TOKEN_VARIABLE } from './secrets.ts'
import { parseTokens } from './tokens.ts'

interface Shared {
  readonly node?: readonly string[]
  readonly timeout: number
  readonly tokenFile?: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

interface Reading extends Shared {
  readonly local?: boolean
  readonly prefix?: string
}

interface Writing extends Shared {
  readonly ifRevision?: number
}

const DEFAULT_NODE = 'http://127.0.0.1:8001'

/** The variable of the environment that names nodes, where none is named. */
const NODES_VARIABLE = 'KV_NODES'

/** An entry as list prints it. */
const entryForm = z.object({ key: z.string(), value: z.string() })

const program = new Command('client')
  .description(
    'Reads and writes the key-value service, on whichever of the nodes answers, and says who is in ' +
      'the cluster.',
  )
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

command('get <key>', 'prints the value of a key')
  .option('--local', 'take what one node has, which may be old')
  .action(async (key: string, options: Reading) => {
    const entry = await (await client(options)).get(key, { consistency: consistencyOf(options) })
    if (entry === null) throw absent(key)
    process.stdout.write(`${entry.value}\n`)
  })

command('put <key> <value>', "writes a key, and prints its revision; '-' reads standard input")
  .option('--if-revision <revision>', 'only if it has this one; 0: if it is absent', revision())
  .action(async (key: string, typed: string, options: Writing) => {
    const value = typed === '-' ? await text(process.stdin) : typed
    const { ifRevision } = options
    if (ifRevision === undefined) return print(await (await client(options)).put(key, value))
    const swap = await (await client(options)).compareAndSet(key, ifRevision, value)
    if (swap.isDone) return print(swap.revision)
    const now = swap.revision === 0 ? 'is absent' : `has revision ${swap.revision}`
    throw new UserError(`'${key}' ${now}. Nothing was changed; read it, and decide again.`)
  })

command('delete <key>', 'removes a key').action(async (key: string, options: Writing) => {
  if (!(await (await client(options)).delete(key))) throw absent(key)
})

command('list', 'prints all entries, one a line')
  .option('--prefix <text>', 'only keys that begin with this', '')
  .option('--local', 'take what one node has, which may be old')
  .action(async (options: Reading) => {
    const { prefix = '' } = options
    const entries = (await client(options)).list({ prefix, consistency: consistencyOf(options) })
    for await (const entry of entries) print(entry)
  })

command('load', 'writes what list has printed, from standard input, and prints how many').action(
  async (options: Shared) => {
    const writing = await client(options)
    let loaded = 0
    for await (const line of createInterface({ input: process.stdin })) {
      const { key, value } = entryIn(line, loaded + 1)
      await writing.put(key, value)
      loaded += 1
    }
    print({ loaded })
  },
)

command('watch', 'prints what changes, one change a line, until Ctrl-C')
  .option('--prefix <text>', 'only keys that begin with this', '')
  .action(async (options: Reading) => {
    const { prefix = '' } = options
    const over = new AbortController()
    for (const event of ['SIGINT', 'SIGTERM']) process.once(event, () => over.abort())
    try {
      const changes = await (await client(options)).watch({ prefix, signal: over.signal })
      process.stderr.write(`Watching behind revision ${changes.after}; Ctrl-C ends it.\n`)
      for await (const change of changes) print(change)
    } catch (error) {
      if (!over.signal.aborted) throw error
    }
  })

command('status', 'prints what a node says of itself').action(async (options: Shared) => {
  print(await (await client(options)).status(), 2)
})

command('health', 'waits until a node runs, and prints so').action(async (options: Shared) => {
  print(await (await client(options)).health())
})

command('ready', 'waits until a node can be asked, and prints who leads').action(
  async (options: Shared) => {
    print(await (await client(options)).ready())
  },
)

membersCommands({ command, client })

// Nobody reads what it says: there is nothing more to do.
process.stdout.on('error', () => process.exit(0))

await runCommand(async () => {
  await program.parseAsync()
  return 0
})

function command(
  usage: string,
  description: string,
  timeout: Option = new Option('--timeout <ms>', 'how long it may take with all its attempts')
    .argParser(parseWhole(1, MAX_TIMEOUT_MS))
    .default(DEFAULT_CALL_TIMEOUT_MS),
): Command {
  return program
    .command(usage)
    .description(description)
    .option(
      '--node <url>',
      `a node; repeat it for others (default: those in ${NODES_VARIABLE}, or ${DEFAULT_NODE})`,
      parseNode,
    )
    .addOption(timeout)
    .option('--token-file <file>', `the token to show, on its first line (or in ${TOKEN_VARIABLE})`)
    .option('--ca <file>', 'authorities of the nodes, in PEM')
    .option('--cert <file>', 'a certificate to show, in PEM')
    .option('--key <file>', 'its private key')
}

async function client({ node, timeout, ...paths }: Shared): Promise<Client> {
  const token = await tokenIn(paths.tokenFile)
  const tls = {
    ...(paths.ca === undefined ? {} : { ca: await readPublic(paths.ca) }),
    ...(paths.cert === undefined ? {} : { cert: await readPublic(paths.cert) }),
    ...(paths.key === undefined ? {} : { key: await readSecret(paths.key) }),
  }
  return connect({
    nodes: node ?? nodesIn(process.env[NODES_VARIABLE]) ?? [DEFAULT_NODE],
    timeoutMs: timeout,
    ...(token === undefined ? {} : { token }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  })
}

/** Several are apart by commas or spaces. */
function nodesIn(variable: string | undefined): readonly string[] | undefined {
  const urls = variable?.split(/[\s,]+/).filter((url) => url !== '') ?? []
  return urls.length === 0 ? undefined : urls
}

async function tokenIn(path: string | undefined): Promise<string | undefined> {
  if (path !== undefined) return parseTokens(await readSecret(path), path)[0]
  const shown = process.env[TOKEN_VARIABLE]
  return shown === undefined ? undefined : parseTokens(shown, TOKEN_VARIABLE)[0]
}

function consistencyOf({ local = false }: Reading): Consistency {
  return local ? 'local' : 'linearizable'
}

function revision(): (typed: string) => number {
  return parseWhole(0, Number.MAX_SAFE_INTEGER)
}

/** The entry that list printed in that line. */
function entryIn(line: string, number: number): z.infer<typeof entryForm> {
  try {
    return entryForm.parse(JSON.parse(line))
  } catch (cause) {
    const message = `Line ${number} is none of list. What came before it was written; mend it, and load all again.`
    throw new UserError(message, { cause })
  }
}

function absent(key: string): UserError {
  return new UserError(`There is no '${key}'.`)
}

function print(value: unknown, indent = 0): void {
  process.stdout.write(`${JSON.stringify(value, null, indent)}\n`)
}
