/** Starts the programs beside this file as processes of their own, and listens to what they say. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const running = new Set<ChildProcess>()

afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})

export interface Program {
  readonly pid: number
  /** Every line that it prints; ends with the process. */
  readonly lines: AsyncIterator<string>
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** SIGKILL; resolves when it is gone. Lines that it had printed can still be read. */
  kill(): Promise<void>
}

export type ProgramName = 'fill' | 'forget' | 'hold' | 'import' | 'write'

/** With `limitBlocks`, no file of the process can grow beyond so many blocks of 512 bytes. */
export function start(
  name: ProgramName,
  args: readonly string[],
  { limitBlocks }: { readonly limitBlocks?: number } = {},
): Program {
  const program = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  const command = [
    process.execPath,
    '--no-warnings',
    '--conditions=@paxos/source',
    '--import',
    'tsx',
    program,
    ...args,
  ]
  const limit = limitBlocks === undefined ? '' : `ulimit -f ${limitBlocks} && `
  const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  const ended = once(child, 'exit').then(([code, signal]) => {
    running.delete(child)
    return typeof code === 'number' ? code : String(signal)
  })
  return {
    pid: child.pid ?? 0,
    lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
    ended,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Every line that is still to come. */
export async function rest({ lines }: Program): Promise<readonly string[]> {
  const found: string[] = []
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    found.push(line.value)
  }
  return found
}
