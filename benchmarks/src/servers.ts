/**
 * Key-value stores that run on this machine for as long as they are measured: three nodes of each, but
 * of Redis, which replicates without waiting. Must never leave a process behind.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ServerProcess } from '@paxos/kv-store/dist/server-process.js'
import type { Target } from './clients.ts'
import { freePorts, IDS } from './members.ts'

export interface Servers {
  readonly target: Target
  readonly close: () => Promise<void>
}

/** In a directory of their own. */
export type StartServers = (directory: string) => Promise<Servers>

/** Where a program is that the PATH knows; `null` where it knows none. */
export function programOnPath(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

export function store(stream: boolean): StartServers {
  return async (directory) => {
    const ports = await freePorts(2 * IDS.length)
    const members = Object.fromEntries(
      IDS.map((id, index) => [id, `ws://127.0.0.1:${ports[index]}`] as const),
    )
    const addresses = IDS.map((_, index) => `127.0.0.1:${ports[IDS.length + index]}`)
    const servers = IDS.map(
      (id, index) =>
        new ServerProcess(
          {
            id,
            members,
            durability: `file:${join(directory, id)}`,
            http: addresses[index] ?? '',
            heartbeatPeriodMs: 200,
            livenessWindowMs: 1000,
            log: 'error',
            isEmptyDiskTrusted: false,
          },
          ({ message }) => process.stderr.write(`${message}\n`),
        ),
    )
    const urls = addresses.map((address) => `http://${address}`)
    return {
      target: { type: 'store', urls, stream },
      close: () => Promise.all(servers.map((server) => server.kill())).then(() => undefined),
    }
  }
}

export function etcd(program: string): StartServers {
  return async (directory) => {
    const ports = await freePorts(2 * IDS.length)
    const url = (index: number): string => `http://127.0.0.1:${ports[index]}`
    const running = IDS.map((id, index) =>
      start(program, {
        name: id,
        'data-dir': join(directory, id),
        'log-level': 'error',
        'listen-peer-urls': url(index),
        'initial-advertise-peer-urls': url(index),
        'listen-client-urls': url(IDS.length + index),
        'advertise-client-urls': url(IDS.length + index),
        'initial-cluster': clusterOf(url),
      }),
    )
    const addresses = ports.slice(IDS.length).map((port) => `127.0.0.1:${port}`)
    return { target: { type: 'etcd', addresses }, close: () => killAll(running) }
  }
}

export function antietcd(program: string): StartServers {
  return async (directory) => {
    const ports = await freePorts(IDS.length)
    const url = (index: number): string => `http://127.0.0.1:${ports[index]}`
    const running = IDS.map((id, index) =>
      start(program, {
        node_id: id,
        cluster_key: 'bench',
        cluster: clusterOf(url),
        ip: '127.0.0.1',
        port: String(ports[index]),
        data: join(directory, `${id}.gz`),
        persist_interval: '500',
      }),
    )
    const urls = IDS.map((_, index) => url(index))
    return { target: { type: 'antietcd', urls }, close: () => killAll(running) }
  }
}

export function redis(program: string): StartServers {
  return async (directory) => {
    const [port = 0] = await freePorts(1)
    const running = start(program, {
      port: String(port),
      bind: '127.0.0.1',
      dir: directory,
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
    })
    return { target: { type: 'redis', port }, close: () => killAll([running]) }
  }
}

function clusterOf(url: (index: number) => string): string {
  return IDS.map((id, index) => `${id}=${url(index)}`).join(',')
}

function start(program: string, options: Readonly<Record<string, string>>): ChildProcess {
  const parameters = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  return spawn(program, parameters, { stdio: 'ignore' })
}

async function killAll(running: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    running.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    }),
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
