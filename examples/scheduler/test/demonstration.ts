import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Demonstration {
  readonly code: unknown
  readonly lines: readonly string[]
}

const SCRIPT = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Runs the command of the README to its end. */
export async function demonstrate(...args: readonly string[]): Promise<Demonstration> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const [code] = await once(child, 'close')
  return { code, lines: printed.trimEnd().split('\n') }
}
