/**
 * Runs one command to its end, with everything that it starts. It must never leave a process behind:
 * not when the command hangs, and not when it is given up.
 */
import { spawn } from 'node:child_process'
import { KEPT_OUTPUT_CHARACTERS } from './limits.ts'

/** How a command ended. */
export interface Ended {
  /** `null` when it was killed. */
  readonly code: number | null
  readonly isHung: boolean
  /** The end of what it printed, errors included. */
  readonly output: string
}

export interface RunOptions {
  readonly cwd: string
  readonly timeoutMs: number
  /** Kills the command; the promise then rejects with its reason. */
  readonly signal: AbortSignal
}

/** Runs Node with `parameters`. */
export async function runNode(
  parameters: readonly string[],
  { cwd, timeoutMs, signal }: RunOptions,
): Promise<Ended> {
  signal.throwIfAborted()
  let output = ''
  let isHung = false
  const child = spawn(process.execPath, parameters, {
    cwd,
    // A group of its own, to be killed as one: test runners start processes themselves.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Tests take no sample: what they could see of a mutant, they see.
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
      THOROUGH: '1',
    },
  })
  const keep = (text: string): void => {
    output = (output + text).slice(-KEPT_OUTPUT_CHARACTERS)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const kill = (): void => killGroup(child.pid)
  const timer = setTimeout(() => {
    isHung = true
    kill()
  }, timeoutMs)
  signal.addEventListener('abort', kill)
  // What it leaves behind would keep its output open.
  child.once('exit', kill)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    signal.throwIfAborted()
    return { code, isHung, output }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
    kill()
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}
