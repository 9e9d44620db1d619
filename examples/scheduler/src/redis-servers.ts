/**
 * Redis servers of this machine, for as long as the drill needs them. Must never leave a process behind.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { freePorts } from './ports.ts'

export interface RedisServers extends AsyncDisposable {
  readonly ports: readonly number[]
}

/** Where redis-server is; `null` where the PATH does not know it. */
export function redisOnPath(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, 'redis-server')).find(isExecutable) ?? null
}

/** Starts `count` of them, which know nothing of each other, as redlock wants it. */
export async function startRedis(program: string, count: number): Promise<RedisServers> {
  const ports = await freePorts(count)
  const children = ports.map((port) =>
    spawn(
      program,
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      {
        stdio: 'ignore',
      },
    ),
  )
  return {
    ports,
    async [Symbol.asyncDispose]() {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return
          child.kill('SIGKILL')
          await once(child, 'exit')
        }),
      )
    },
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
