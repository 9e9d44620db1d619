/**
 * Compiles and runs snippets as a reader would: each is a module of its own, in a project that has
 * every package installed, as it was built, started in an empty directory. Must never leave a file or
 * a process behind.
 */
import { execFile, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { ROOT } from './repository.ts'
import type { Snippet } from './snippet.ts'

/** What hangs is stopped after this; how busy a machine is must not show. */
const SNIPPET_TIMEOUT_MS = 150_000

/** Above this a snippet is stopped: nobody reads an example that prints so much. */
const MAX_OUTPUT_BYTES = 1 << 16

const require = createRequire(import.meta.url)

/** Snippets, laid out as files of one project. */
export interface Project {
  /** Why each snippet does not compile, with lines of the document; none when it does. */
  typecheck(): Promise<ReadonlyMap<Snippet, readonly string[]>>
  /** `null` when the snippet did exactly what it says, else what it did instead. */
  run(snippet: Snippet, timeoutMs?: number): Promise<string | null>
  remove(): void
}

/** Writes the snippets down. The caller removes the project again. */
export function layOut(snippets: readonly Snippet[]): Project {
  const inside = join(ROOT, 'docs/node_modules/.snippets')
  mkdirSync(inside, { recursive: true })
  const directory = mkdtempSync(join(inside, 'run-'))
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
  const paths = new Map(snippets.map((snippet, index) => [snippet, join(directory, `${index}.ts`)]))
  // Line numbers in errors are those of the document: the lines above the snippet are left blank.
  for (const [snippet, path] of paths) {
    writeFileSync(path, '\n'.repeat(snippet.line - 1) + snippet.code + '\n')
  }
  let problems: ReturnType<typeof compile> | null = null
  const compiled = (): ReturnType<typeof compile> => (problems ??= compile(directory, paths))
  return {
    typecheck: compiled,
    run: async (snippet, timeoutMs = SNIPPET_TIMEOUT_MS) => {
      const path = paths.get(snippet)
      if (path === undefined) throw new TypeError('This snippet is not part of the project.')
      await compiled()
      return judge(snippet, await execute(path.replace(/\.ts$/, '.js'), timeoutMs))
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** What a snippet did. */
interface Outcome {
  readonly ending: 'exited' | 'timed out' | 'printed too much'
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What is wrong with what the snippet did, or `null`. */
function judge(snippet: Snippet, { ending, exitCode, stdout, stderr }: Outcome): string | null {
  const says = stderr === '' ? '' : ` It says:\n${stderr}`
  if (ending !== 'exited') return `The snippet ${ending}.${says}`
  if (exitCode !== 0) return `The snippet exited with ${exitCode ?? 'a signal'}.${says}`
  if (stderr !== '') return `The snippet wrote to standard error.${says}`
  const printed = stdout.split('\n').map((line) => line.trimEnd())
  if (printed.at(-1) === '') printed.pop()
  const { expected } = snippet
  const same =
    printed.length === expected.length && printed.every((line, at) => line === expected[at])
  if (same) return null
  return `The snippet says that it prints\n${show(expected)}and prints\n${show(printed)}`
}

function show(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join('')
}

async function execute(path: string, timeoutMs: number): Promise<Outcome> {
  const cwd = mkdtempSync(join(tmpdir(), 'snippet-'))
  // Nothing that the test run was started with may change what a reader would see.
  const hidden = new Set(['CI', 'FORCE_COLOR', 'NO_COLOR', 'NODE_OPTIONS'])
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !hidden.has(name)),
  )
  // Errors then name the line of the document.
  const child = spawn(process.execPath, ['--enable-source-maps', path], {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let ending: Outcome['ending'] = 'exited'
  let bytes = 0
  const stop = (why: Outcome['ending']) => {
    ending = why
    child.kill('SIGKILL')
  }
  const collect = (stream: NodeJS.ReadableStream, into: Buffer[]) =>
    stream.on('data', (chunk: Buffer) => {
      into.push(chunk)
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) stop('printed too much')
    })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  collect(child.stdout, stdout)
  collect(child.stderr, stderr)
  const timer = setTimeout(() => stop('timed out'), timeoutMs)
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { ending, exitCode, stdout: textOf(stdout), stderr: textOf(stderr) }
  } finally {
    clearTimeout(timer)
    rmSync(cwd, { recursive: true, force: true })
  }
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8')
}

/** One run of the compiler over all of them, with the settings that the packages have; it leaves each as JavaScript. */
async function compile(
  directory: string,
  paths: ReadonlyMap<Snippet, string>,
): Promise<ReadonlyMap<Snippet, readonly string[]>> {
  const project = {
    extends: join(ROOT, 'tsconfig.base.json'),
    compilerOptions: {
      composite: false,
      declaration: false,
      declarationMap: false,
      types: ['node'],
    },
    files: [...paths.values()],
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(project))
  const said = await runCompiler(directory)

  const problems = new Map([...paths.keys()].map((snippet) => [snippet, Array.of<string>()]))
  const byName = new Map([...paths].map(([snippet, path]) => [basename(path), snippet]))
  let last: string[] | undefined
  for (const text of said.split('\n').filter((line) => line.trim() !== '')) {
    const [, path = '', line = '', message = ''] = /^(.+)\((\d+),\d+\): (.*)$/.exec(text) ?? []
    const snippet = byName.get(basename(path))
    if (snippet !== undefined) {
      last = problems.get(snippet)
      last?.push(`line ${line}: ${message}`)
    } else if (/^\s/.test(text) && last !== undefined) {
      last.push(text)
    } else {
      throw new Error(`The compiler stumbled over more than the snippets: ${said}`)
    }
  }
  return problems
}

async function runCompiler(directory: string): Promise<string> {
  const tsc = join(require.resolve('typescript/package.json'), '../bin/tsc')
  return new Promise((resolve, reject) => {
    const args = [tsc, '-p', directory, '--pretty', 'false']
    execFile(process.execPath, args, { cwd: directory, encoding: 'utf8' }, (error, stdout) => {
      if (error !== null && stdout === '') reject(error)
      else resolve(stdout)
    })
  })
}
