/** The files of a package that are not about its medium: what npm, TypeScript and Vitest read. */
import { readFileSync } from 'node:fs'
import type { Kind } from './kind.ts'
import type { Names } from './names.ts'

/** The tools of a project of its own, as this repository has them. */
export const TOOLS: Readonly<Record<string, string>> = {
  '@types/node': '^20.19.43',
  tsx: '^4.23.15',
  typescript: '~7.0.2',
  vitest: '^4.1.12',
}

/** The command paxos-conformance, for a module in TypeScript. */
const CONFORMANCE = 'node_modules/@paxos/testkit/dist/conformance/program.js'

/** Each scenario waits for events: only what hangs ends by the timeout. */
export const VITEST_CONFIG = `import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Only what hangs ends by it: scenarios wait for events, and a busy machine takes its time.
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000 },
})
`

/** In the repository packages depend on each other as they stand; elsewhere on this release. */
export function manifestOf(names: Names, kind: Kind, repository: string | null): object {
  const isOurs = repository !== null
  const released = `^${ownVersion()}`
  const [paxos, development] = isOurs ? ['workspace:^', 'workspace:*'] : [released, released]
  const tools = Object.entries(TOOLS).map(([name, range]) => [name, isOurs ? 'catalog:' : range])
  const entry = { types: './dist/index.d.ts', default: './dist/index.js' }
  return {
    name: names.packageName,
    version: '0.0.0',
    description: `A ${kind === 'durability' ? 'durability adapter' : 'transport'} of @paxos over ${names.medium}.`,
    keywords: ['paxos', kind === 'durability' ? 'durability' : 'transport', names.medium],
    license: 'MIT',
    type: 'module',
    engines: { node: '>=20.19' },
    sideEffects: false,
    files: ['dist', '!dist/.tsbuildinfo'],
    exports: {
      '.': isOurs ? { '@paxos/source': './src/index.ts', ...entry } : entry,
      './package.json': './package.json',
    },
    ...(isOurs
      ? {
          publishConfig: {
            access: 'public',
            exports: { '.': entry, './package.json': './package.json' },
          },
        }
      : {}),
    scripts: isOurs
      ? {
          build: 'tsc -b',
          typecheck: 'tsc -b tsconfig.json test/tsconfig.json',
          test: `vitest run --config ${repository}/vitest.shared.ts`,
          prepack: `tsx ${repository}/.ci/readme-links.ts absolute`,
          postpack: `tsx ${repository}/.ci/readme-links.ts relative`,
        }
      : {
          build: 'tsc',
          typecheck: 'tsc --project test/tsconfig.json',
          test: 'vitest run',
          conformance: `node --import tsx ${CONFORMANCE} test/conformance-subjects.ts --badge README.md`,
          prepublishOnly: 'npm run typecheck && npm test && npm run build',
        },
    dependencies: { '@paxos/adapter-kit': paxos },
    peerDependencies: { '@paxos/core': paxos },
    devDependencies: {
      '@paxos/core': development,
      '@paxos/testkit': development,
      ...Object.fromEntries(tools),
    },
  }
}

/** The compiler, for what is published. */
export function tsconfigOf(repository: string | null): object {
  const output = { rootDir: 'src', outDir: 'dist', types: ['node'] }
  if (repository !== null) {
    return {
      extends: `${repository}/tsconfig.base.json`,
      compilerOptions: { ...output, tsBuildInfoFile: 'dist/.tsbuildinfo' },
      include: ['src'],
      references: [{ path: `${repository}/packages/adapter-kit` }],
    }
  }
  return {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      erasableSyntaxOnly: true,
      rewriteRelativeImportExtensions: true,
      skipLibCheck: true,
      declaration: true,
      sourceMap: true,
      inlineSources: true,
      ...output,
    },
    include: ['src'],
  }
}

/** The compiler, for the tests, which it only checks. */
export function testTsconfigOf(repository: string | null): object {
  const checksOnly = {
    noEmit: true,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: false,
  }
  if (repository === null) {
    return {
      extends: '../tsconfig.json',
      compilerOptions: { ...checksOnly, rootDir: '..' },
      include: ['.', '../src'],
    }
  }
  return {
    extends: `../${repository}/tsconfig.base.json`,
    compilerOptions: {
      ...checksOnly,
      composite: false,
      declaration: false,
      declarationMap: false,
      types: ['node'],
    },
    include: ['.'],
    references: [{ path: '..' }, { path: `../${repository}/packages/testkit` }],
  }
}

/** All packages of @paxos carry the same version. */
function ownVersion(): string {
  const manifest: { readonly version?: unknown } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  return String(manifest.version)
}
