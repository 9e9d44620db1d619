/**
 * Runs the commands of this example as a user does: as processes, from what was built.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'

/** The programs of this example. */
export type Program = 'demo' | 'server' | 'client-cli'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  /** Resolves when the process has ended. */
  readonly ended: Promise<Ended>
  /** Resolves with the whole of standard output once it contains `text`. */
  printed(text: string): Promise<string>
}

/** Starts `dist/<command>.js`. It is killed if it outlives the test. */
export function start(
  command: Program,
  args: readonly string[],
  { input = '', env = {} }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Started {
  const path = fileURLToPath(new URL(`../dist/${command}.js`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { env: { ...bareEnvironment(), ...env } })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }))
  return {
    child,
    ended,
    async printed(text) {
      while (!stdout.includes(text)) await Promise.race([once(child.stdout, 'data'), failed()])
      return stdout
    },
  }

  async function failed(): Promise<never> {
    const { code } = await ended
    throw new Error(`It ended with ${code} before it printed that:\n${stdout}\n${stderr}`)
  }
}

/** Runs a command to its end. */
export function run(
  command: Program,
  args: readonly string[],
  options: Parameters<typeof start>[2] = {},
): Promise<Ended> {
  return start(command, args, options).ended
}

/** An empty directory, which is removed when the test is over. */
export async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kv-store-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Without what vitest, or the terminal it runs in, says about colours. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...rest } = process.env
  return rest
}

/** One sentence that says `sentence`, perhaps with a hint below it, and no stack trace. */
export function expectRefusal(ended: Ended, sentence: RegExp): void {
  expect(ended.code).toBe(1)
  expect(ended.stderr).toMatch(sentence)
  expect(ended.stderr).not.toMatch(/^\s+at |node:internal|Error:/m)
  expect(ended.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
}
