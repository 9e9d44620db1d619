/** The command, without its process: reads what was typed, and says what was done. */
import { basename, dirname, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { adapterFiles } from './files.ts'
import { isKind, KINDS } from './kind.ts'
import type { Kind } from './kind.ts'
import { UsageError } from './names.ts'
import { repositoryAbove } from './workspace.ts'
import { writeFiles } from './write.ts'

const HELP = `Begins a transport or a durability adapter for @paxos: a package that builds, and passes
the conformance suite from the first minute, over a stand-in that you put your medium in the place of.

  create-adapter NAME --kind KIND [--dir DIR]

  NAME         of the package, as in paxos-transport-pigeon or @acme/transport-pigeon
  --kind KIND  transport    over a medium that has connections, or can be given some
               datagrams    a transport over a medium that moves single datagrams
               durability   over a medium that keeps things
  --dir DIR    the folder, which must be new or empty; default: the name, without its scope
  --help       this text

  npm create @paxos/adapter paxos-transport-pigeon -- --kind transport
`

const OWN_PROJECT = ['npm install', 'npm test', 'npm run conformance']

function inRepository(folder: string): string[] {
  // Of what is published alone the README says what is kept.
  const isPackage = basename(dirname(folder)) === 'packages'
  const commands = ['pnpm install', 'pnpm test']
  return isPackage ? [...commands, `pnpm -w conformance ${basename(folder)}`] : commands
}

/**
 * Does what `args` say in the folder `from`, and returns what is to be said. Throws UsageError when it
 * cannot.
 */
export function run(args: readonly string[], from: string): string {
  const { help, name, kind, dir } = read(args)
  if (help) return HELP
  if (name === null)
    throw new UsageError('Name the package, as in: create-adapter NAME --kind transport')
  const requested = requireKind(kind)
  const folder = resolve(from, dir ?? name.replace(/^@[^/]*\//, ''))
  const repository = repositoryAbove(folder)
  const files = adapterFiles({ name, kind: requested, repository })
  writeFiles(folder, files)
  const next = repository === null ? OWN_PROJECT : inRepository(folder)
  const way = relative(from, folder)
  const place = way.startsWith('..') ? folder : way === '' ? '.' : way
  return [
    `${name} is in ${place}:`,
    ...Array.from(files.keys(), (path) => `  ${path}`),
    'Next:',
    ...[`cd ${place}`, ...next].map((command) => `  ${command}`),
    '',
  ].join('\n')
}

function requireKind(kind: string | null): Kind {
  if (kind !== null && isKind(kind)) return kind
  const given = kind === null ? 'It has no kind' : `There is no kind '${kind}'`
  throw new UsageError(`${given}. Give --kind ${KINDS.join(', or --kind ')}.`)
}

interface Arguments {
  readonly help: boolean
  readonly name: string | null
  readonly kind: string | null
  readonly dir: string | null
}

function read(args: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        kind: { type: 'string' },
        dir: { type: 'string' },
      },
    })
    const [name = null, second] = positionals
    if (second !== undefined) throw new UsageError(`'${second}' is one name too many. Give one.`)
    const { help, kind = null, dir = null } = values
    return { help, name, kind, dir }
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error
    // What Node.js adds is about arguments that begin with a dash.
    throw new UsageError(`${error.message.split('. ')[0]}. See create-adapter --help.`)
  }
}
