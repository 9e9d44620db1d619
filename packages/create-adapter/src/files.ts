/**
 * Every file of a new package, as text: what npm and the compiler read is written by
 * project.ts, and the rest is a template. Must never need anything but its arguments and the templates.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Kind } from './kind.ts'
import { namesOf } from './names.ts'
import type { Names } from './names.ts'
import { manifestOf, tsconfigOf, testTsconfigOf, VITEST_CONFIG } from './project.ts'

/** What is to be begun. */
export interface AdapterOptions {
  /** The package, as npm will know it. */
  readonly name: string
  readonly kind: Kind
  /**
   * The way from the package up to the repository of @paxos, as in '../..', where it is to be a part
   * of that. Default: null, a project of its own.
   */
  readonly repository?: string | null
}

const TEMPLATES = fileURLToPath(new URL('../templates', import.meta.url))

/** The text of each file, by its path in the package. Throws UsageError for a name that will not do. */
export function adapterFiles(options: AdapterOptions): ReadonlyMap<string, string> {
  const { name, kind, repository = null } = options
  const names = namesOf(name)
  const files = new Map([
    ['package.json', json(manifestOf(names, kind, repository))],
    ['tsconfig.json', tsconfig(tsconfigOf(repository))],
    ['test/tsconfig.json', tsconfig(testTsconfigOf(repository))],
  ])
  if (repository === null) files.set('vitest.config.ts', VITEST_CONFIG)
  const folder = `${TEMPLATES}/${kind}`
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(?:ts|md)$/.test(path)) continue
    const text = readFileSync(`${folder}/${path}`, 'utf8')
    files.set(
      renamed(path.replaceAll('\\', '/'), names),
      withCommands(renamed(text, names), repository),
    )
  }
  return new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** What a template calls a pigeon: in names of files and URLs, and as a function. */
function renamed(text: string, { packageName, medium, factory }: Names): string {
  return text
    .replaceAll(/\bpigeon\b(\.ts|:)?/g, (_, end?: string) =>
      end === undefined ? factory : `${medium}${end}`,
    )
    .replaceAll('PACKAGE_NAME', packageName)
    .replaceAll('MEDIUM', medium)
}

function withCommands(text: string, repository: string | null): string {
  const tool = repository === null ? 'npm' : 'pnpm'
  return text
    .replaceAll('TEST_COMMAND', `${tool} test`)
    .replaceAll(
      'CONFORMANCE_COMMAND',
      repository === null ? 'npm run conformance' : 'pnpm conformance',
    )
}

/** Names in one line, as Prettier writes them everywhere but in package.json. */
function tsconfig(value: unknown): string {
  return json(value).replaceAll(/\[\s+("[^\]]*")\s+\]/g, (_, names: string) => {
    return `[${names.replaceAll(/\s+/g, ' ')}]`
  })
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
