/** What is written, by what name, and when nothing is. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { adapterFiles, KINDS, UsageError } from '@paxos/create-adapter'
import { run } from '../src/command.ts'
import { namesOf } from '../src/names.ts'
import { TOOLS } from '../src/project.ts'

const ROOT = new URL('../../../', import.meta.url)

describe('the name of a package says what things in it are called', () => {
  it.each([
    ['pigeon', 'pigeon', 'pigeon'],
    ['paxos-transport-pigeon', 'pigeon', 'pigeon'],
    ['@acme/durability-clay-tablet', 'clay-tablet', 'clayTablet'],
    ['paxos-over-rs232.v2', 'over-rs232-v2', 'overRs232V2'],
  ])('%s', (packageName, medium, factory) => {
    expect(namesOf(packageName)).toEqual({ packageName, medium, factory })
  })

  it.each([
    '',
    'Pigeon',
    'a b',
    '../pigeon',
    '@acme',
    '@a/b/c',
    'paxos-transport-',
    'transport-7',
    'new',
    'x'.repeat(215),
  ])('and %j says nothing that would do', (name) => {
    expect(() => namesOf(name)).toThrow(UsageError)
  })
})

describe.each(KINDS)('a %s', (kind) => {
  const files = adapterFiles({ name: '@acme/paxos-clay-tablet', kind })

  it('has no pigeon left in it, and names that belong together', () => {
    const text = [...files].flat().join('\n')
    expect(text).not.toMatch(/pigeon/i)
    expect([...files.keys()]).toContain('src/clay-tablet.ts')
    expect(files.get('src/index.ts')).toContain(
      "export { fromUrl, clayTablet } from './clay-tablet.ts'",
    )
    expect(files.get('README.md')).toContain("import { clayTablet } from '@acme/paxos-clay-tablet'")
  })

  it('takes this release where it is a project of its own, and its siblings in this repository', () => {
    const released = manifest(files)
    const sibling = manifest(adapterFiles({ name: '@paxos/pigeon', kind, repository: '../..' }))
    expect(released.peerDependencies).toEqual({ '@paxos/core': expect.stringMatching(/^\^\d/) })
    expect(sibling.peerDependencies).toEqual({ '@paxos/core': 'workspace:^' })
    expect(released.devDependencies).toMatchObject(TOOLS)
    expect(Object.keys(sibling.devDependencies)).toEqual(Object.keys(released.devDependencies))
  })

  it.each([null, '../..'])('has names in one line in its tsconfig, as Prettier does (%s)', (up) => {
    const written = adapterFiles({ name: '@acme/pigeon', kind, repository: up })
    for (const path of ['tsconfig.json', 'test/tsconfig.json']) {
      const text = written.get(path) ?? ''
      expect(text).toMatch(/"include": \["[^\n]*"\]/)
      expect(text).not.toMatch(/\[\s*\n\s*"/)
      const { include }: { readonly include: readonly string[] } = JSON.parse(text)
      expect(include).toContain(path === 'tsconfig.json' ? 'src' : '.')
    }
  })
})

it('a project of its own takes the tools that this repository has', () => {
  const workspace = readFileSync(new URL('pnpm-workspace.yaml', ROOT), 'utf8')
  for (const [name, range] of Object.entries(TOOLS)) {
    expect(workspace).toMatch(new RegExp(`^ {2}'?${name}'?: ${escaped(range)}$`, 'm'))
  }
})

describe('the command', () => {
  it('writes every file, and says which and what comes next', () => {
    const from = emptyFolder()
    const said = run(['@acme/transport-pigeon', '--kind', 'transport'], from)
    const files = adapterFiles({ name: '@acme/transport-pigeon', kind: 'transport' })
    for (const [path, text] of files) {
      expect(readFileSync(join(from, 'transport-pigeon', path), 'utf8')).toBe(text)
      expect(said).toContain(`  ${path}\n`)
    }
    expect(said).toMatch(
      /\n {2}cd transport-pigeon\n {2}npm install\n {2}npm test\n {2}npm run conformance\n$/,
    )
  })

  it('takes a folder that is empty, and never one in which there is something', () => {
    const from = emptyFolder()
    mkdirSync(join(from, 'here'))
    run(['pigeon', '--kind=durability', '--dir=here'], from)
    const before = readdirSync(join(from, 'here'))
    expect(() => run(['pigeon', '--kind=transport', '--dir=here'], from)).toThrow(
      /not empty.*--dir/,
    )
    expect(readdirSync(join(from, 'here'))).toEqual(before)
    writeFileSync(join(from, 'file'), '')
    expect(() => run(['pigeon', '--kind=transport', '--dir=file'], from)).toThrow(UsageError)
    expect(() => run(['pigeon', '--kind=transport', '--dir=file/in'], from)).toThrow(UsageError)
  })

  it.each([
    [[], /Name the package/],
    [['pigeon'], /no kind.*--kind transport/],
    [['pigeon', '--kind', 'pigeonry'], /no kind 'pigeonry'.*--kind transport/],
    [['pigeon', '--kind'], /--kind.*--help/],
    [['pigeon', '--sort', 'transport'], /--sort.*--help/],
    [['pigeon', 'post', '--kind=transport'], /'post' is one name too many/],
    [['Pigeon', '--kind=transport'], /no name of a package/],
  ])('that is given %j says what is missing, and writes nothing', (args, message) => {
    const from = emptyFolder()
    expect(() => run(args, from)).toThrow(UsageError)
    expect(() => run(args, from)).toThrow(message)
    expect(readdirSync(from)).toEqual([])
  })

  it('tells each kind when it is asked for help', () => {
    const help = run(['--help'], emptyFolder())
    for (const kind of KINDS) expect(help).toMatch(new RegExp(`\\b${kind} {2,}\\w`))
  })
})

interface Manifest {
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

function manifest(files: ReadonlyMap<string, string>): Manifest {
  return JSON.parse(files.get('package.json') ?? '')
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'create-adapter-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function escaped(text: string): string {
  return text.replaceAll(/[\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}
