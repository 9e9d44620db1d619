/** Starts the programs beside this file as processes of their own, and listens to what they say. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const directories: string[] = []
const running = new Set<ChildProcess>()

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true })
})

/** An empty directory that is removed when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'durability-file-'))
  directories.push(directory)
  return directory
}

export interface Program {
  readonly pid: number
  /** Every line that it prints; ends with the process. */
  readonly lines: AsyncIterator<string>
  /** SIGKILL; resolves when it is gone. Lines that it had printed can still be read. */
  kill(): Promise<void>
}

export function start(
  name: 'hold' | 'write',
  directory: string,
  ...rest: readonly string[]
): Program {
  const program = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  const child = spawn(
    process.execPath,
    ['--conditions=@paxos/source', '--import', 'tsx', program, directory, ...rest],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  running.add(child)
  const ended = once(child, 'exit').then(() => running.delete(child))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    lines,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
