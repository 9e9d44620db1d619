/**
 * Which package may know which. Each rule is a function from facts to complaints, so that a test
 * can show it an offence. Must never fetch the facts itself.
 */
import { posix } from 'node:path'
import { COMPUTED, packageOf } from './imports.ts'
import type { Import } from './imports.ts'
import type { Package } from './repository.ts'

/** What one package may depend on. */
export interface Rule {
  /** Packages of this repository that its sources may import. */
  readonly imports: readonly string[]
  /**
   * Packages of this repository that its sources may import by import(…) alone, when they are asked
   * for. They are optional peers: the application may do without.
   */
  readonly importsOnDemand?: readonly string[]
  /**
   * The one source file that imports them: an entry point of its own, and no other source may import
   * it. A bundler follows an import on demand as any other, so that every other entry point would
   * need what nobody asked for.
   */
  readonly onDemandIn?: string
  /** Programs: no source may import them, so they may import that file. */
  readonly programs?: readonly string[]
  /** The one source file that imports what its user names: a program that loads a module of theirs. */
  readonly loads?: string
  /**
   * Packages of this repository that some of its entry points import, taken as peers: what is looked
   * at is the application's own copy of them.
   */
  readonly looksAt?: readonly string[]
  /** Whether it imports entry points of @paxos/adapter-kit, which it brings along. */
  readonly usesKit?: boolean
  /** Whether it takes `imports` as peers, so that the application has one copy of each. */
  readonly asPeers?: boolean
  /** Libraries from outside. */
  readonly libraries?: readonly string[]
  /** Whether a library is a peer that the application may do without. */
  readonly librariesAreOptional?: boolean
  /** Of `imports`, packages of which its sources know the types alone: nothing of them is loaded. */
  readonly typesOf?: readonly string[]
  /** Whether its sources may use Node's own modules; a package that may not runs in a browser. */
  readonly node: boolean
  /**
   * Folders of a package that may whose entry points run in a browser all the same. They, and the
   * files beside them, import neither Node's modules nor any other folder.
   */
  readonly inBrowsers?: readonly string[]
  /** Packages of this repository that its tests may use, besides those. */
  readonly testsUse?: readonly string[]
}

const core = '@paxos/core'
const testkit = '@paxos/testkit'
const kit = '@paxos/adapter-kit'
const adapter = { imports: [core], asPeers: true, testsUse: [testkit] }
/** An adapter whose medium is a connection, a datagram or a disk, as most are. */
const onKit = { ...adapter, usesKit: true }
const adapters = [
  '@paxos/transport-memory',
  '@paxos/transport-udp',
  '@paxos/transport-websocket',
  '@paxos/transport-grpc',
  '@paxos/durability-memory',
  '@paxos/durability-file',
  '@paxos/durability-sqlite',
]

/** The table. A package that is not in it may not exist. */
export const RULES: Readonly<Record<string, Rule>> = {
  [core]: { imports: [], node: false },
  '@paxos/replica': {
    imports: [core],
    importsOnDemand: adapters,
    onDemandIn: 'src/url.ts',
    programs: ['src/paxos-data.ts'],
    node: false,
    testsUse: [testkit],
  },
  '@paxos/remote': {
    imports: [core, '@paxos/replica'],
    libraries: ['ws'],
    node: true,
    testsUse: [
      testkit,
      '@paxos/coordination',
      '@paxos/durability-memory',
      '@paxos/transport-memory',
    ],
  },
  '@paxos/coordination': {
    imports: [core, '@paxos/replica'],
    typesOf: ['@paxos/replica'],
    libraries: ['croner'],
    librariesAreOptional: true,
    node: false,
    testsUse: [testkit, '@paxos/durability-memory', '@paxos/transport-memory'],
  },
  [testkit]: {
    imports: [core],
    looksAt: ['@paxos/durability-memory', '@paxos/replica', '@paxos/transport-memory'],
    libraries: ['@peculiar/x509', 'reflect-metadata'],
    programs: ['src/conformance/program.ts'],
    loads: 'src/conformance/program.ts',
    node: true,
  },
  '@paxos/create-adapter': {
    imports: [],
    node: true,
    testsUse: [core, '@paxos/adapter-kit', testkit],
  },

  [kit]: {
    ...adapter,
    node: true,
    inBrowsers: ['src/links', 'src/addresses'],
  },

  '@paxos/transport-memory': { ...adapter, node: false },
  '@paxos/transport-udp': { ...onKit, node: true },
  '@paxos/transport-websocket': { ...onKit, node: true, libraries: ['ws'] },
  '@paxos/transport-grpc': { ...onKit, node: true, libraries: ['@grpc/grpc-js'] },

  '@paxos/durability-memory': { ...adapter, node: false },
  '@paxos/durability-file': { ...onKit, node: true },
  '@paxos/durability-sqlite': {
    ...onKit,
    node: true,
    libraries: ['better-sqlite3'],
    librariesAreOptional: true,
  },
}

/** What package.json gets wrong. */
export function manifestProblems({ folder, manifest }: Package): string[] {
  const { name } = manifest
  if (name !== `@paxos/${folder.replace('packages/', '')}`) {
    return [`${folder} holds ${name}: a folder is named as its package.`]
  }
  const rule = RULES[name]
  if (rule === undefined) return [`${name} has no row in the table of rules.`]

  const dependencies = manifest.dependencies ?? {}
  const peers = manifest.peerDependencies ?? {}
  const libraries = rule.libraries ?? []
  const onDemand = rule.importsOnDemand ?? []
  const optional = [...onDemand, ...(rule.librariesAreOptional === true ? libraries : [])]
  const inDependencies = [
    ...(rule.asPeers === true ? [] : rule.imports),
    ...(rule.usesKit === true ? [kit] : []),
    ...(rule.librariesAreOptional === true ? [] : libraries),
  ]
  const looksAt = rule.looksAt ?? []
  const inPeers = [...(rule.asPeers === true ? rule.imports : []), ...looksAt, ...optional]
  const inTests = new Set([...rule.imports, ...looksAt, ...onDemand, ...(rule.testsUse ?? [])])
  const problems = [
    ...unexpected(name, 'dependencies', dependencies, inDependencies),
    ...unexpected(name, 'peerDependencies', peers, inPeers),
    ...unexpected(name, 'optionalDependencies', manifest.optionalDependencies ?? {}, []),
  ]
  for (const other of Object.keys(manifest.devDependencies ?? {})) {
    if (other.startsWith('@paxos/') && !inTests.has(other)) {
      problems.push(`${name} may not have ${other} in devDependencies.`)
    }
  }
  for (const [other, range] of Object.entries({ ...dependencies, ...peers })) {
    if (other.startsWith('@paxos/') && range !== 'workspace:^') {
      problems.push(`${name} takes ${other} as '${range}' and not as 'workspace:^'.`)
    }
  }
  for (const peer of optional) {
    if (peer in peers && manifest.peerDependenciesMeta?.[peer]?.optional !== true) {
      problems.push(`${name} does not mark ${peer} as optional in peerDependenciesMeta.`)
    }
  }
  return problems
}

/** What a source file of a package imports and may not. */
export function importProblems(
  { manifest: { name } }: Package,
  file: string,
  imports: readonly Import[],
): string[] {
  const rule = RULES[name]
  if (rule === undefined) return [`${name} has no row in the table of rules.`]
  return imports.flatMap((found) => {
    const reason = refusal(rule, file, found)
    return reason === null ? [] : [`${file} imports ${found.specifier}: ${reason}.`]
  })
}

function refusal(
  rule: Rule,
  file: string,
  { specifier, onDemand, isType = false }: Import,
): string | null {
  const here = rule.inBrowsers === undefined ? null : folderOf(rule.inBrowsers, file)
  if (specifier.startsWith('.')) {
    const imported = posix.join('src', specifier)
    if (here !== null && !isInBrowsers(rule, posix.join(posix.dirname(file), specifier))) {
      return `${here} runs in browsers too`
    }
    if (rule.programs?.includes(imported) === true) return 'that is a program'
    const isProgram = rule.programs?.some((program) => file.endsWith(`/${program}`)) === true
    if (rule.onDemandIn === imported && !isProgram) {
      return 'that is an entry point of its own, for who has what it imports on demand'
    }
    return specifier.endsWith('.ts') ? null : 'a relative import ends in .ts'
  }
  if (specifier === COMPUTED) {
    const isLoaded = rule.loads !== undefined && file.endsWith(`/${rule.loads}`)
    return isLoaded ? null : 'nobody can check what that is'
  }
  if (specifier.startsWith('node:')) {
    if (here !== null) return `${here} runs in browsers too`
    return rule.node ? null : 'this package runs in browsers too'
  }
  const name = packageOf(specifier)
  if (rule.libraries?.includes(name) === true) return null
  if (rule.importsOnDemand?.includes(name) === true) {
    if (!onDemand || specifier !== name) return 'only by import(…), when it is asked for'
    const isHere = rule.onDemandIn === undefined || file.endsWith(`/${rule.onDemandIn}`)
    return isHere ? null : `only ${rule.onDemandIn} imports on demand`
  }
  if (rule.looksAt?.includes(name) === true) return null
  if (rule.usesKit === true && name === kit) {
    const isEntry = specifier.split('/').length === 3
    return isEntry ? null : `an adapter imports an entry point of ${kit}`
  }
  if (!rule.imports.includes(name)) return 'the table of rules does not allow it'
  if (rule.typesOf?.includes(name) === true && !isType) return 'only its types, by import type'
  // An adapter knows the contracts, not the algorithm.
  if (rule.asPeers === true && specifier !== name) return `an adapter may import ${name} only`
  return null
}

/** The folder in question, when `file` is of what runs in browsers; null when it is not. */
function folderOf(inBrowsers: readonly string[], file: string): string | null {
  const folder = posix.dirname(file)
  if (folder === 'src' || folder.endsWith('/src')) return 'what lies in src'
  return (
    inBrowsers.find(
      (one) => `${folder}/`.includes(`/${one}/`) || `${folder}/`.startsWith(`${one}/`),
    ) ?? null
  )
}

function isInBrowsers({ inBrowsers = [] }: Rule, file: string): boolean {
  return folderOf(inBrowsers, file) !== null
}

function unexpected(
  name: string,
  field: string,
  found: Readonly<Record<string, string>>,
  allowed: readonly string[],
): string[] {
  return Object.keys(found)
    .filter((other) => !allowed.includes(other))
    .map((other) => `${name} may not have ${other} in ${field}.`)
}
