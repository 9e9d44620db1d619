/**
 * `pnpm verify:deep`: the long version of everything that looks for a broken promise, one part after
 * the other, to the end even when one of them finds something. Hours, not minutes.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'

interface Part {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  /** From the root of the repository; the root itself by default. */
  readonly folder?: string
  readonly environment?: Readonly<Record<string, string>>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const program = new Command('verify:deep')
  .description('everything that looks for a broken promise, at length')
  .option('--seeds <count>', 'how many seeds of the simulator', positive, 10_000)
  .option('--only <text>', 'only the parts with this in their names', '')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const { seeds, only } = program.opts<{ readonly seeds: number; readonly only: string }>()

const here = (name: string, ...parameters: readonly string[]): readonly [string, ...string[]] => [
  process.execPath,
  fileURLToPath(new URL(`./${name}.js`, import.meta.url)),
  ...parameters,
]
const LONG = { FUZZ_RUNS: '50000', KILLS: '200', HISTORY_MS: '60000' }
const tests = (folder: string): Part => ({
  name: folder.slice(folder.indexOf('/') + 1),
  command: [
    process.execPath,
    `${ROOT}node_modules/vitest/vitest.mjs`,
    'run',
    '--config',
    `${ROOT}vitest.long.ts`,
  ],
  folder,
  environment: LONG,
})

const PARTS: readonly Part[] = [
  { name: 'simulator', command: here('simulate', '--seeds', String(seeds)) },
  {
    name: 'simulator, leaders in doubt',
    command: here('simulate', '--profile', 'leaders', '--seeds', String(seeds)),
  },
  {
    name: 'simulator, congested',
    command: here('simulate', '--profile', 'congested', '--seeds', String(seeds)),
  },
  { name: 'grid', command: here('grid') },
  { name: 'explorer', command: here('explore', '--size', 'full', '--seconds', '180') },
  tests('packages/core'),
  tests('packages/replica'),
  tests('packages/durability-file'),
  tests('packages/durability-sqlite'),
  tests('examples/kv-store'),
  { name: 'mutants', command: here('mutants') },
]

const results: { readonly name: string; readonly code: number; readonly seconds: number }[] = []
for (const part of PARTS.filter(({ name }) => name.includes(only))) {
  console.log(`\n== ${part.name}`)
  const beganMs = performance.now()
  const code = await run(part)
  results.push({ name: part.name, code, seconds: (performance.now() - beganMs) / 1000 })
}
console.log()
for (const { name, code, seconds } of results) {
  console.log(`${code === 0 ? 'kept  ' : 'BROKEN'}  ${name}, ${Math.round(seconds)} s`)
}
process.exitCode = results.every(({ code }) => code === 0) ? 0 : 1

/** The exit code; a signal counts as a failure. */
function run({ command: [file, ...parameters], folder = '', environment }: Part): Promise<number> {
  const child = spawn(file, parameters, {
    cwd: `${ROOT}${folder}`,
    env: { ...process.env, ...environment },
    stdio: 'inherit',
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

function positive(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Give a whole number from 1 on.')
}
