/** A benchmark that is interrupted leaves nothing, whatever it was about. Runs what was built. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, watch } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'benchmarks-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

it.each([
  ['three processes, to Ctrl-C', ['throughput', '--transport', 'udp'], 'SIGINT'],
  ['three processes, to SIGTERM', ['failover', '--transport', 'ws'], 'SIGTERM'],
  ['nodes in one process, to Ctrl-C', ['leaving', '--transport', 'memory'], 'SIGINT'],
] as const)('%s: its files are gone, and it says so', async (_, args, signal) => {
  const directory = await emptyDirectory()
  // It is at work once a node of its has written.
  const written = wroteBelow(directory)
  const bench = spawn(process.execPath, [MAIN, ...args, '--directory', directory])
  onTestFinished(() => void bench.kill('SIGKILL'))
  const [ended, closed] = [once(bench, 'exit'), once(bench, 'close')]
  let said = ''
  bench.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await Promise.race([written, ended])
  bench.kill(signal)
  expect(await ended).toEqual([130, null])
  await closed
  expect(said).toContain('Interrupted: its processes were stopped, and its files are gone.\n')
  expect(await readdir(directory)).toEqual([])
})

async function wroteBelow(directory: string): Promise<void> {
  for await (const { filename } of watch(directory, { recursive: true })) {
    if (filename?.endsWith('log') === true) return
  }
}
