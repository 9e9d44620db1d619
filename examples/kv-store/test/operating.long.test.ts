/**
 * Runs every command of docs/operating.md, in its order, with real nodes: a procedure that does not
 * work is found by whoever needs it at night.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { freePorts } from '../src/ports.ts'
import { emptyDirectory } from './processes.ts'

const DOCUMENT = new URL('../../../docs/operating.md', import.meta.url)
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** One block of commands, and the lines that it has to print, in their order. */
interface Step {
  readonly title: string
  readonly commands: string
  readonly shows: readonly string[]
}

/** The blocks of the document. What is shown stands in the block behind the commands. */
function stepsIn(markdown: string): Step[] {
  const steps: Step[] = []
  let title = ''
  for (const [, heading, info, code = ''] of markdown.matchAll(
    /^## (.+)$|^```(\w+)\n([^]*?)^```$/gm,
  )) {
    if (heading !== undefined) title = heading
    else if (info === 'sh') steps.push({ title, commands: code, shows: [] })
    else if (info === 'text') {
      const last = steps.pop()
      if (last === undefined) throw new TypeError('Something is shown before any command.')
      steps.push({ ...last, shows: code.trimEnd().split('\n') })
    }
  }
  return steps
}

/** Which of `shows` is not in `printed` behind those before it; '…' is anything. */
function missing(shows: readonly string[], printed: readonly string[]): string | null {
  let at = 0
  for (const line of shows) {
    const isIt = new RegExp(`^${line.split('…').map(escaped).join('.*')}$`)
    const found = printed.findIndex((each, index) => index >= at && isIt.test(each))
    if (found < 0) return line
    at = found + 1
  }
  return null
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** Ports of the document, and which of this machine stand for them: other programs may have those. */
async function portsFor(markdown: string): Promise<ReadonlyMap<string, string>> {
  const ports = [...new Set([...markdown.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => port))]
  const udp = await freePorts(ports.length, 'udp')
  const tcp = await freePorts(ports.length, 'tcp')
  return new Map(ports.map((port = '', index) => [port, String((port < '8' ? udp : tcp)[index])]))
}

/** What each block has printed. */
async function execute(steps: readonly Step[], directory: string): Promise<string[]> {
  const script = [
    'set -eu',
    `ln -s ${ROOT}examples examples`,
    // Whatever happens, no node is left behind.
    "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT",
    ...steps.flatMap(({ commands }) => [commands, "printf '\\n%s\\n' '== end of a block'"]),
  ].join('\n')
  const bash = spawn('bash', ['-c', script], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  bash.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  bash.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(bash, 'close')
  const code = bash.exitCode
  const printed = stdout.split('\n== end of a block\n')
  const last = steps[printed.length - 1]
  if (code === 0) return printed
  throw new Error(`'${last?.title}' ended with ${code}:\n${printed.at(-1)}\n${stderr}`)
}

describe('docs/operating.md', () => {
  it('is read as it is meant: a block without its line, or with others between, is told apart', () => {
    const steps = stepsIn(
      '## A\n```sh\na\nb\n```\n\nText.\n\n```text\nx…\n{y}\n```\n## B\n```sh\nc\n```\n',
    )
    expect(steps).toEqual([
      { title: 'A', commands: 'a\nb\n', shows: ['x…', '{y}'] },
      { title: 'B', commands: 'c\n', shows: [] },
    ])
    expect(missing(['x…', '{y}'], ['w', 'x1', 'z', '{y}'])).toBeNull()
    expect(missing(['x…', '{y}'], ['{y}', 'x1'])).toBe('{y}')
    expect(missing(['x'], ['x1'])).toBe('x')
  })

  it('every procedure works, and shows what the document says', async () => {
    const directory = await emptyDirectory()
    const markdown = await readFile(DOCUMENT, 'utf8')
    const ports = await portsFor(markdown)
    const here = markdown
      .replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => ports.get(port) ?? port)
      // On one machine a cluster may be quick.
      .replaceAll('server.js --id', 'server.js --heartbeat-period 50 --liveness-window 400 --id')
    const steps = stepsIn(here)
    const printed = await execute(steps, directory)
    for (const [index, { title, shows }] of steps.entries()) {
      const lines = printed[index]?.split('\n') ?? []
      expect(missing(shows, lines), `${title}:\n${lines.join('\n')}`).toBeNull()
    }
    expect(steps.map(({ title }) => title)).toEqual(expect.arrayContaining(PROCEDURES))
  })
})

/** What an operator has to find. */
const PROCEDURES = [
  'Grow',
  'Shrink',
  'Replace a dead machine',
  'Move to another address',
  'Lose a disk',
  'Lose a majority',
  'Restore from a copy',
  'Upgrade node by node',
]
