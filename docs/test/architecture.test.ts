/**
 * Holds the repository to its own rules: who may depend on whom, what lies where, and that the
 * documents lead somewhere. Each rule is first shown an offence, then the repository.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { durabilityConformance, transportConformance } from '@paxos/testkit'
import {
  addressOf,
  isReserved,
  npmLinkProblems,
  originProblems,
  withAddresses,
  withRelativeLinks,
} from '../checks/address.ts'
import { badgeProblems } from '../checks/badges.ts'
import { circleProblems } from '../checks/circles.ts'
import {
  linkProblems,
  scriptProblems,
  tableProblems,
  textProblems,
  topProblems,
} from '../checks/house.ts'
import { COMPUTED, importsOf } from '../checks/imports.ts'
import { anchors, links } from '../checks/markdown.ts'
import { listFiles, listPackages, read, readManifest, ROOT } from '../checks/repository.ts'
import type { Manifest, Package } from '../checks/repository.ts'
import { importProblems, manifestProblems, RULES } from '../checks/rules.ts'

const files = listFiles()
const packages = listPackages()
const isFolder = (path: string) => statSync(join(ROOT, path)).isDirectory()
const packageNames = packages.map(({ manifest }) => manifest.name)

const aPackage = (name: string, fields: Omit<Manifest, 'name'> = {}): Package => ({
  folder: name.replace('@paxos/', 'packages/'),
  manifest: { name, ...fields },
})

describe('a package depends on what the table of rules allows, and on nothing else', () => {
  it.each(packages.map((own) => [own.manifest.name, own] as const))(
    '%s declares nothing else',
    (_, own) => {
      expect(manifestProblems(own)).toEqual([])
    },
  )

  it.each(packages.map((own) => [own.manifest.name, own] as const))(
    '%s imports nothing else',
    (_, own) => {
      const sources = files.filter(
        (file) => file.startsWith(`${own.folder}/src/`) && file.endsWith('.ts'),
      )
      expect(sources).not.toEqual([])
      expect(sources.flatMap((file) => importProblems(own, file, importsOf(read(file))))).toEqual(
        [],
      )
    },
  )

  const range = 'workspace:^'
  it.each<[string, Package, RegExp]>([
    [
      'core depends on nothing at all',
      aPackage('@paxos/core', { dependencies: { 'tiny-emitter': '1' } }),
      /@paxos\/core may not have tiny-emitter in dependencies/,
    ],
    [
      'core takes no peer either',
      aPackage('@paxos/core', { peerDependencies: { ws: '8' } }),
      /may not have ws in peerDependencies/,
    ],
    [
      'replica brings no adapter',
      aPackage('@paxos/replica', { dependencies: { '@paxos/transport-udp': range } }),
      /may not have @paxos\/transport-udp in dependencies/,
    ],
    [
      'replica asks for no adapter',
      aPackage('@paxos/replica', { peerDependencies: { '@paxos/transport-udp': range } }),
      /does not mark @paxos\/transport-udp as optional/,
    ],
    [
      'an adapter does not bring a core of its own',
      aPackage('@paxos/transport-udp', { dependencies: { '@paxos/core': range } }),
      /may not have @paxos\/core in dependencies/,
    ],
    [
      'an adapter brings no library but that of its medium',
      aPackage('@paxos/transport-websocket', { dependencies: { ws: '8', lodash: '4' } }),
      /^[^;]*may not have lodash in dependencies/,
    ],
    [
      'an adapter knows no other adapter, not even in its tests',
      aPackage('@paxos/transport-udp', { devDependencies: { '@paxos/transport-memory': '*' } }),
      /may not have @paxos\/transport-memory in devDependencies/,
    ],
    [
      'nothing is smuggled in as optional',
      aPackage('@paxos/core', { optionalDependencies: { fsevents: '2' } }),
      /may not have fsevents in optionalDependencies/,
    ],
    [
      'a peer of this repository follows its releases',
      aPackage('@paxos/transport-udp', { peerDependencies: { '@paxos/core': 'workspace:*' } }),
      /takes @paxos\/core as 'workspace:\*'/,
    ],
    [
      'an optional peer is marked so',
      aPackage('@paxos/durability-sqlite', { peerDependencies: { 'better-sqlite3': '12' } }),
      /does not mark better-sqlite3 as optional/,
    ],
    ['a package without a row is refused', aPackage('@paxos/new'), /@paxos\/new has no row/],
    [
      'a folder is named as its package',
      { folder: 'packages/kernel', manifest: { name: '@paxos/core' } },
      /packages\/kernel holds @paxos\/core/,
    ],
  ])('%s', (_, own, complaint) => {
    expect(manifestProblems(own)).toEqual([expect.stringMatching(complaint)])
  })

  it.each([
    ['@paxos/core', '@paxos/replica', /does not allow/],
    ['@paxos/core', 'node:fs', /runs in browsers/],
    ['@paxos/core', 'fs', /does not allow/],
    ['@paxos/core', './ballot.js', /ends in \.ts/],
    ['@paxos/core', '@paxos/core', /does not allow/],
    ['@paxos/replica', '@paxos/transport-memory', /only by import/],
    ['@paxos/replica', '@paxos/testkit', /does not allow/],
    ['@paxos/replica', './url.ts', /an entry point of its own/],
    ['@paxos/replica', './paxos-data.ts', /a program/],
    ['@paxos/replica', COMPUTED, /nobody can check/],
    ['@paxos/testkit', COMPUTED, /nobody can check/],
    ['@paxos/transport-udp', '@paxos/core/practical', /an adapter may import @paxos\/core only/],
    ['@paxos/transport-udp', '@paxos/transport-memory', /does not allow/],
    ['@paxos/transport-memory', 'node:events', /runs in browsers/],
    ['@paxos/durability-file', 'ws', /does not allow/],
    ['@paxos/durability-file', '@paxos/adapter-kit', /imports an entry point/],
    ['@paxos/durability-file', '@paxos/adapter-kit/stores/memory', /imports an entry point/],
    ['@paxos/durability-memory', '@paxos/adapter-kit/stores', /does not allow/],
    ['@paxos/core', '@paxos/adapter-kit/links', /does not allow/],
    ['@paxos/replica', '@paxos/adapter-kit/links', /does not allow/],
    ['@paxos/new', './index.ts', /no row/],
  ])('%s may not import %s', (name, specifier, complaint) => {
    const imports = [{ specifier, onDemand: false }]
    expect(importProblems(aPackage(name), 'src/a.ts', imports)).toEqual([
      expect.stringMatching(complaint),
    ])
  })

  it.each([
    ['@paxos/replica', 'url.ts', '@paxos/transport-udp', []],
    ['@paxos/replica', 'url.ts', '@paxos/transport-udp/internal', [/only by import/]],
    ['@paxos/replica', 'url.ts', 'lodash', [/does not allow/]],
    ['@paxos/replica', 'index.ts', '@paxos/transport-udp', [/only src\/url\.ts imports on demand/]],
    ['@paxos/replica', 'index.ts', './url.ts', [/an entry point of its own/]],
    ['@paxos/replica', 'paxos-data.ts', './url.ts', []],
    ['@paxos/core', 'url.ts', '@paxos/transport-udp', [/does not allow/]],
  ])('on demand %s, %s imports %s as the table says', (name, file, specifier, complaints) => {
    const own = aPackage(name)
    const imports = [{ specifier, onDemand: true }]
    expect(importProblems(own, `${own.folder}/src/${file}`, imports)).toEqual(
      complaints.map((complaint) => expect.stringMatching(complaint)),
    )
  })

  it.each([
    ['@paxos/core', './ballot.ts'],
    ['@paxos/replica', '@paxos/core/functional'],
    ['@paxos/transport-udp', '@paxos/core'],
    ['@paxos/transport-udp', 'node:dgram'],
    ['@paxos/transport-websocket', 'ws'],
    ['@paxos/transport-websocket', '@paxos/adapter-kit/links'],
    ['@paxos/durability-file', '@paxos/adapter-kit/files'],
    ['@paxos/transport-grpc', '@grpc/grpc-js/build/src/call.js'],
  ])('%s may import %s', (name, specifier) => {
    const imports = [{ specifier, onDemand: false }]
    expect(importProblems(aPackage(name), 'src/a.ts', imports)).toEqual([])
  })

  it.each([
    ['links/pair.ts', 'node:net', [/src\/links runs in browsers too/]],
    ['links/pair.ts', '../sockets/index.ts', [/src\/links runs in browsers too/]],
    ['links/pair.ts', '../addresses/index.ts', []],
    ['links/pair.ts', '../backoff.ts', []],
    ['backoff.ts', 'node:timers', [/what lies in src runs in browsers too/]],
    ['backoff.ts', './sockets/tls.ts', [/what lies in src runs in browsers too/]],
    ['sockets/tls.ts', 'node:tls', []],
    ['sockets/tls.ts', '../links/medium.ts', []],
    ['sockets/tls.ts', 'ws', [/does not allow/]],
    ['stores/append.ts', '@paxos/core/multi', [/may import @paxos\/core only/]],
    ['stores/append.ts', '@paxos/durability-file', [/does not allow/]],
  ])('in the kit, %s imports %s as the table says', (file, specifier, complaints) => {
    const own = aPackage('@paxos/adapter-kit')
    const imports = [{ specifier, onDemand: false }]
    expect(importProblems(own, `${own.folder}/src/${file}`, imports)).toEqual(
      complaints.map((complaint) => expect.stringMatching(complaint)),
    )
  })

  it('no row lets a package import an adapter, but for the simulator, and only replica may on demand', () => {
    const imported = Object.values(RULES).flatMap(({ imports }) => imports)
    const lookers = Object.keys(RULES).filter((name) => RULES[name]?.looksAt !== undefined)
    expect(lookers).toEqual(['@paxos/testkit'])
    expect(imported.filter((name) => /\/(?:transport|durability)-/.test(name))).toEqual([])
    const onDemand = Object.keys(RULES).filter((name) => RULES[name]?.importsOnDemand !== undefined)
    expect(onDemand).toEqual(['@paxos/replica'])
  })

  it.each([
    ["import a from 'one'", ['one']],
    ["import { a, type B } from 'one'", ['one']],
    ["import {\n  a,\n  b,\n} from 'one'\nimport 'two'", ['one', 'two']],
    ["import type { A } from 'one'", ['one']],
    ["import * as all from 'one'", ['one']],
    ["export * from 'one'", ['one']],
    ["export type { A } from 'one'", ['one']],
    ["  const a = await import('one')", ['one']],
    ["type A = import('one').B", ['one']],
    ["const a = require('one')", ['one']],
    ['require(name)', [COMPUTED]],
    ['  require(name) {\n  }\n  require(name: string): Name', []],
    ['import(name)', [COMPUTED]],
    ['import(`one-${name}`)', [COMPUTED]],
    ["import('one' + name)", [COMPUTED]],
    ["const glob = 'src/**/*.ts'\nimport a from 'one'", ['one']],
    ["// import a from 'one'\n/**\n * export * from 'two'\n */", []],
    ["export const from = 'one'", []],
    ["export function a() {\n  return 'one'\n}", []],
    ['import.meta.url', []],
    ["registry.import('one')", []],
  ])('an import is found in whatever form: %j', (source, specifiers) => {
    expect(importsOf(source).map(({ specifier }) => specifier)).toEqual(specifiers)
  })

  it('an import of types alone is told from the others', () => {
    const source =
      "import type { A } from 'one'\nimport { b } from 'two'\nexport type * from 'three'"
    const types = importsOf(source).filter(({ isType }) => isType === true)
    expect(types.map(({ specifier }) => specifier)).toEqual(['one', 'three'])
    const imported = { specifier: '@paxos/replica', onDemand: false }
    const coordination = aPackage('@paxos/coordination', {})
    const ofTypes = importProblems(coordination, 'src/a.ts', [{ ...imported, isType: true }])
    expect(ofTypes).toEqual([])
    expect(importProblems(coordination, 'src/a.ts', [imported])).toHaveLength(1)
  })

  it('an import on demand is told from the others', () => {
    const source = "import a from 'one'\nconst b = require('two')\nconst c = await import('three')"
    expect(importsOf(source).filter(({ onDemand }) => onDemand)).toEqual([
      { specifier: 'three', onDemand: true },
    ])
  })
})

describe('no module imports what leads back to it, not even for a type', () => {
  const sources = files.filter((file) => /(?:\/src|^docs\/checks|^\.ci)\/.*\.ts$/.test(file))
  const folders = new Set(sources.map((file) => file.replace(/\/(?:src\/)?[^/]*$|\/src\/.*/, '')))

  it.each([...folders])('in %s', (folder) => {
    const own = sources.filter((file) => file.startsWith(`${folder}/`))
    expect(circleProblems(own, read)).toEqual([])
  })

  it('a circle is caught, once, by its shortest way', () => {
    const texts: Record<string, string> = {
      'src/a.ts': "import './b.ts'\nimport type { D } from './parts/d.ts'",
      'src/b.ts': "export * from './c.ts'",
      'src/c.ts': "import { a } from './a.ts'\nimport '@paxos/core'",
      'src/parts/d.ts': "import type { A } from '../a.ts'",
      'src/itself.ts': "type Self = import('./itself.ts').Self",
      'src/leaf.ts': "import './b.ts'\nimport './missing.ts'",
    }
    const way = 'src/a.ts imports src/parts/d.ts imports src/a.ts.'
    expect(circleProblems(Object.keys(texts), (file) => texts[file] ?? '')).toEqual([
      `${way} Move what they share into a module of its own.`,
      expect.stringMatching(/^src\/itself\.ts imports src\/itself\.ts\./),
    ])
  })
})

describe('the README of each adapter says what its conformance suite finds', () => {
  const collected = { describe: (_: string, body: () => void) => body(), it: () => undefined }
  const counts = {
    'a transport': transportConformance(unused, collected).promises.length,
    'a durability adapter': durabilityConformance(unused, collected).promises.length,
  }
  const adapters = packageNames.filter((name) => /\/(?:transport|durability)-/.test(name))

  it.each(adapters)('%s: all of it, or why not, as `pnpm conformance` writes it', (name) => {
    expect(badgeProblems(read(`${name.replace('@paxos', 'packages')}/README.md`), counts)).toEqual(
      [],
    )
  })

  it('a summary that is missing, old or unexplained is caught', () => {
    const of = problemsOfSummary
    const all = '> **Conformance:** 10 of 10 promises of a transport kept.'
    expect(of(all)).toEqual([])
    expect(of(`${all}\n${all}`)).toEqual([])
    const some = '8 of 10 promises of a transport kept; not applicable: 1 without figures (no'
    expect(of(`> **Conformance, a:** ${some}; ever), 1 without connections (none).`)).toEqual([])
    expect(of('')).toEqual([expect.stringMatching(/no summary/)])
    expect(badgeProblems('# Mine', {})).toEqual([expect.stringMatching(/no summary/)])
    expect(of(all.replaceAll('10', '9'))).toEqual([expect.stringMatching(/has 10 promises/)])
    expect(of(all.replace('10 of', '9 of'))).toEqual([expect.stringMatching(/1 .* unexplained/)])
    expect(of(all.replace('transport', 'stone'))).toEqual([expect.stringMatching(/no summary/)])
  })
})

/** For suites whose scenarios are counted, and not run. */
function unused(): never {
  throw new Error('No scenario is run.')
}

function problemsOfSummary(words: string): readonly string[] {
  return badgeProblems(`<!-- paxos-conformance -->\n\n${words}\n\n<!-- /paxos-conformance -->`, {
    'a transport': 10,
  })
}

describe('the repository is laid out as CONTRIBUTING.md says', () => {
  it('nothing lies at the top that does not belong there', () => {
    expect(topProblems(files)).toEqual([])
    expect(topProblems(['README.md', '.ci/run', 'packages/core/package.json'])).toEqual([])
    expect(topProblems(['notes.md', 'src/a.ts', 'src/b.ts'])).toEqual([
      'notes.md does not belong at the top of the repository.',
      'src does not belong at the top of the repository.',
    ])
  })

  it('every package has its examples run: the documents depend on it', () => {
    const { devDependencies = {} } = readManifest('docs/package.json')
    expect(Object.keys(devDependencies)).toEqual(expect.arrayContaining(packageNames))
  })

  it.each(files.filter((file) => file.endsWith('.md')))(
    'every link in %s leads somewhere',
    (file) => {
      expect(linkProblems(file, files, read)).toEqual([])
    },
  )

  it('a link that leads nowhere is caught', () => {
    const texts: Record<string, string> = {
      'docs/a.md': '# One\n[b](b.md) [up](../README.md) ![c](./c.png)\n[d](../packages/core/)',
      'docs/b.md': '[a](a.md#one) [here](#two)\n\n## Two\n[web](https://example.org/x) [top](..)',
      'docs/bad.md':
        '[x](x.md)\n[a](a.md#two)\n\n```\n[code](y.md)\n```\n[z](/README.md)\n\n[r]: q.md',
      'README.md': '',
      'docs/c.png': '',
      'packages/core/package.json': '',
    }
    const problems = (file: string) =>
      linkProblems(file, Object.keys(texts), (name) => texts[name] ?? '')
    expect(problems('docs/a.md')).toEqual([])
    expect(problems('docs/b.md')).toEqual([])
    expect(problems('docs/bad.md')).toEqual([
      'docs/bad.md, line 1: x.md does not exist.',
      'docs/bad.md, line 2: a.md#two is no heading there.',
      'docs/bad.md, line 7: /README.md does not exist.',
      'docs/bad.md, line 9: q.md does not exist.',
    ])
  })

  it('links in code are no links, and headings make the anchors that hosts make', () => {
    expect(links('`[a](b)` [c](d) ``[e](`f`)``')).toEqual([{ target: 'd', line: 1 }])
    expect([...anchors('# A `b` (c)!\n## A b c\n```\n# no\n```\n### [x](y) — z')]).toEqual([
      'a-b-c',
      'a-b-c-1',
      'x--z',
    ])
  })

  it('the table of packages in the README has a row for each', () => {
    expect(tableProblems(read('README.md'), packageNames)).toEqual([])
    const table = '| [`@paxos/core`](packages/core) | see `@paxos/replica` |\n| @paxos/core-x | |'
    expect(tableProblems(table, ['@paxos/core', '@paxos/replica'])).toEqual([
      expect.stringMatching(/^@paxos\/replica has no row/),
    ])
    expect(tableProblems('| @paxos/core-x | |', ['@paxos/core'])).toHaveLength(1)
  })

  it.each(['custom-transport', 'broadcast-channel', 'shared-folder'])(
    'the transport examples/%s is as short as its README says',
    (example) => {
      const sources = files.filter((file) => file.startsWith(`examples/${example}/src/`))
      const lines = sources.flatMap((file) => read(file).trimEnd().split('\n'))
      const [, said] = /in under (\d+) lines/.exec(read(`examples/${example}/README.md`)) ?? []
      expect(lines.length).toBeLessThan(Number(said))
      expect(lines.length).toBeGreaterThan(Number(said) / 2)
    },
  )

  it('core cannot lose its coverage unnoticed', () => {
    const { scripts = {} } = readManifest('packages/core/package.json')
    expect(scripts['test:coverage']).toMatch(/--coverage\.thresholds\.branches=9[5-9]/)
  })

  it('every command of the maintainers is explained', () => {
    const scripts = Object.keys(readManifest('package.json').scripts ?? {})
    expect(scriptProblems(scripts, read('README.md') + read('CONTRIBUTING.md'))).toEqual([])
    expect(scriptProblems(['lint', 'test', 'test:all'], 'pnpm run test:all, pnpm linting')).toEqual(
      [
        expect.stringMatching(/^pnpm lint is mentioned in neither/),
        expect.stringMatching(/^pnpm test is mentioned in neither/),
      ],
    )
  })
})

const coreProblems = (fields: Omit<Manifest, 'name'>) =>
  originProblems(aPackage('@paxos/core', fields), 'https://here.org/us')

describe('npm shows where a package comes from', () => {
  const address = addressOf(readManifest('package.json').repository?.url)

  it.each(packages.map((own) => [own.manifest.name, own] as const))(
    '%s names its homepage, its repository and where to report a bug, as the root does',
    (_, own) => {
      expect(originProblems(own, address)).toEqual([])
    },
  )

  it('a field that is missing, or of another repository, is caught', () => {
    const right = { type: 'git', url: 'git+https://here.org/us.git', directory: 'packages/core' }
    const origin = {
      homepage: 'https://here.org/us/tree/main/packages/core#readme',
      bugs: 'https://here.org/us/issues',
      repository: right,
    }
    expect(coreProblems(origin)).toEqual([])
    expect(coreProblems({})).toHaveLength(3)
    expect(coreProblems({ ...origin, bugs: 'https://there.org/us/issues' })).toEqual([
      '@paxos/core must have "bugs": "https://here.org/us/issues".',
    ])
    const elsewhere = { ...origin, repository: { ...right, directory: 'packages/replica' } }
    expect(coreProblems(elsewhere)).toEqual([
      expect.stringMatching(/must have "repository": .*core/),
    ])
  })

  it.each(packages.map((own) => [own.manifest.name, own] as const))(
    'packing %s rewrites the links of its README that lead nowhere at npm, and puts them back',
    (_, { folder, manifest: { scripts = {} } }) => {
      expect(scripts).toMatchObject({
        prepack: 'tsx ../../.ci/readme-links.ts absolute',
        postpack: 'tsx ../../.ci/readme-links.ts relative',
      })
      const here = read(`${folder}/README.md`)
      const packed = withAddresses(here, folder, address, isFolder)
      expect(npmLinkProblems(packed)).toEqual([])
      expect(withRelativeLinks(packed, folder, address)).toBe(here)
    },
  )

  it('files, folders and headings get an address; anchors, the web and code stay as they are', () => {
    const here = [
      '[a](src/a.ts) [b](../core/README.md#use) ![c](../../docs/c.png) [d](test/traces)',
      '[e](#here) [f](https://example.org/x) `[g](src/a.ts#g)`',
      '```',
      '[h](src/a.ts)',
      '```',
      '[i]: ../../docs/i.md',
    ]
    const at = 'https://here.org/us'
    const packed = withAddresses(here.join('\n'), 'packages/x', at, (path) =>
      path.endsWith('traces'),
    )
    expect(packed.split('\n')).toEqual([
      `[a](${at}/blob/main/packages/x/src/a.ts) [b](${at}/blob/main/packages/core/README.md#use) ` +
        `![c](${at}/blob/main/docs/c.png) [d](${at}/tree/main/packages/x/test/traces)`,
      ...here.slice(1, 5),
      `[i]: ${at}/blob/main/docs/i.md`,
    ])
    expect(withRelativeLinks(packed, 'packages/x', at)).toBe(here.join('\n'))
    expect(npmLinkProblems(here.join('\n')).map((problem) => problem.split(' leads')[0])).toEqual([
      'README.md, line 1: src/a.ts',
      'README.md, line 1: ../core/README.md#use',
      'README.md, line 1: ../../docs/c.png',
      'README.md, line 1: test/traces',
      'README.md, line 6: ../../docs/i.md',
    ])
  })

  it('nothing is released with an address that nobody can have', () => {
    expect(
      ['https://a.example/b', 'https://example.org/b', 'https://localhost/b'].every(isReserved),
    ).toBe(true)
    expect(isReserved('https://examples.org/example')).toBe(false)
    expect(() => addressOf('https://here.org/us')).toThrow(/Write it as git\+https/)
    expect(readManifest('package.json').scripts?.['release']).toMatch(
      /^tsx \.ci\/check-address\.ts &&/,
    )
  })
})

describe('what is committed is the same for everybody', () => {
  it('no file names a registry or a path of one machine', () => {
    const texts = files.filter((file) => !/\.(?:png|jpe?g|gif|ico|woff2?|bin|gz|wasm)$/.test(file))
    const problems = texts.flatMap((file) =>
      textProblems(file, readFileSync(join(ROOT, file), 'utf8')),
    )
    expect(problems).toEqual([])
  })

  it.each([
    ['a.md', ['see ', 'home', 'ada', 'paxos'].join('/'), 'a path of one machine'],
    ['a.ts', ["'", 'Users', "ada'"].join('/'), 'a path of one machine'],
    ['a.ts', ['file(', 'work', 'main)'].join('/'), 'a path of one machine'],
    ['a.ts', ['C:', 'Users', 'ada'].join('\\'), 'a path of one machine'],
    ['.npmrc', ['registry=https://registry', 'npmjs', 'org'].join('.'), 'the host of a registry'],
    ['pnpm-lock.yaml', 'tarball: https://example.org/a.tgz', 'a URL, where the lock'],
  ])('%s with %j is caught', (file, text, what) => {
    expect(textProblems(file, `first\n${text}\n`)).toEqual([
      expect.stringContaining(`${file}, line 2 holds ${what}`),
    ])
  })

  it.each([
    ['README.md', 'https://example.org/home/ada and ./work/a and /var/lib/paxos'],
    ['pnpm-lock.yaml', 'resolution: {integrity: sha512-abc}'],
  ])('%s with %j is fine', (file, text) => {
    expect(textProblems(file, text)).toEqual([])
  })
})
