/**
 * What is begun with the command is built, checked and tested as its author would do: each kind, as a
 * project of its own on what was built, and as a package of this repository on its sources. And the
 * command is what npm makes of it.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { adapterFiles, KINDS } from '@paxos/create-adapter'
import { writeFiles } from '../src/write.ts'

const run = promisify(execFile)
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = join(PACKAGE, '../..')
const TSC = join(PACKAGE, 'node_modules/typescript/bin/tsc')
const VITEST = join(PACKAGE, 'node_modules/vitest/vitest.mjs')

/** In this package, where what a project needs is found. Git does not look at it. */
const SCRATCH = join(PACKAGE, '.scratch')

for (const kind of KINDS) {
  it.each([
    ['a project of its own', false, ['--project', 'tsconfig.json'], 'vitest.config.ts'],
    [
      'a package of this repository',
      true,
      ['--build', '.', 'test'],
      '../../../../vitest.shared.ts',
    ],
  ] as const)(`${kind}: %s builds, and passes the suite`, async (_, isOurs, build, config) => {
    mkdirSync(SCRATCH, { recursive: true })
    const cwd = mkdtempSync(join(SCRATCH, `${kind}-`))
    onTestFinished(() => rmSync(cwd, { recursive: true }))
    const repository = isOurs ? relative(cwd, ROOT).replaceAll('\\', '/') : null
    writeFiles(cwd, adapterFiles({ name: `@acme/${kind}-clay-tablet`, kind, repository }))
    symlinkSync(join(PACKAGE, 'node_modules'), join(cwd, 'node_modules'), 'junction')
    await inNode(cwd, TSC, ...build)
    if (!isOurs) await inNode(cwd, TSC, '--project', 'test/tsconfig.json')
    // It is the same adapter: here only whether its tests find what they need.
    const some = isOurs ? ['--testNamePattern=^close '] : []
    const report = await inNode(cwd, VITEST, 'run', '--config', config, '--reporter=json', ...some)
    const { numPassedTests, numFailedTests, success } = JSON.parse(report)
    expect({ success, numFailedTests }).toEqual({ success: true, numFailedTests: 0 })
    expect(numPassedTests).toBeGreaterThan(isOurs ? 4 : 50)
    // One is enough to see that the script finds its way.
    if (isOurs || kind !== 'durability') return
    const { scripts } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'))
    await inNode(cwd, ...String(scripts.conformance).split(' ').slice(1))
    expect(readFileSync(join(cwd, 'README.md'), 'utf8')).toMatch(
      /\d+ of \d+ promises of a durability/,
    )
  })
}

it('npm packs it, and runs it as `npm create` does, with nothing else installed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'npm-create-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [packed, cwd] = [join(folder, 'packed'), join(folder, 'empty')]
  for (const made of [packed, cwd]) mkdirSync(made)
  // Without the scripts that rewrite links in the README meanwhile.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', packed, PACKAGE], { cwd })
  const [tarball = ''] = readdirSync(packed)
  const ours = ['exec', '--offline', '--yes', `--package=${join(packed, tarball)}`, '--']
  const typed = ['create-adapter', '@acme/paxos-transport-pigeon', '--kind', 'transport']
  const env = { ...process.env, npm_config_cache: join(folder, 'cache') }
  const { stdout } = await run('npm', [...ours, ...typed], { cwd, env })
  expect(stdout).toContain('@acme/paxos-transport-pigeon is in paxos-transport-pigeon:')
  const files = adapterFiles({ name: '@acme/paxos-transport-pigeon', kind: 'transport' })
  for (const [path, text] of files) {
    expect(readFileSync(join(cwd, 'paxos-transport-pigeon', path), 'utf8')).toBe(text)
  }
})

/** What a program prints. Rejects with all that it said when it fails. */
async function inNode(cwd: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, args, { cwd, maxBuffer: 1 << 24 })
    return stdout
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error && 'stderr' in error
    throw new Error(said ? `${String(error.stdout)}\n${String(error.stderr)}` : String(error), {
      cause: error,
    })
  }
}
