/**
 * Three nodes that begin, write and leave: in three processes, or in this one where the transport is
 * the memory. Each writes from when it is open. Must never leave a process or a file behind.
 */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { memory, memoryHub } from '@paxos/transport-memory'
import { nowMs } from './clock.ts'
import { closedOnInterrupt } from './interrupt.ts'
import { IDS, members } from './members.ts'
import type { Id } from './members.ts'
import { COMMAND_BYTES } from './pipeline.ts'
import type { Pipeline } from './pipeline.ts'
import { replicated } from './replicated.ts'
import { Writer } from './writer.ts'

export interface Trio {
  /** Starts them all. Resolves when they are open and have written `count` each. */
  begin(count: number): Promise<Beginning>
  /** Who led last. */
  leader(): Id
  /** Has one leave: SIGTERM to its process, or close(). Resolves when it is gone. */
  leave(id: Id): Promise<void>
  /** When the writes of one were answered. */
  answers(id: Id): Promise<readonly number[]>
  close(): Promise<void>
}

/** In milliseconds since 1970. */
export interface Beginning {
  /** When each was open, in whatever order. */
  readonly openedAtMs: readonly number[]
  /** When a write was answered first, wherever. */
  readonly firstWriteAtMs: number
}

/** None is started yet. */
export function trio(transport: string, directory: string): Promise<Trio> {
  return transport === 'memory' ? inThisProcess(directory) : inProcesses(transport, directory)
}

async function inProcesses(transport: string, directory: string): Promise<Trio> {
  const all = await members({ kind: 'paxos', transport, directory })
  let leader: Id | null = null

  async function followLeaders(): Promise<never> {
    for (;;) leader = (await all.next('leads')).id
  }

  async function begin(id: Id, count: number): Promise<{ openedAtMs: number; firstAtMs: number }> {
    const opened = all.next('opened', id)
    let wrote = all.next('wrote', id)
    await all.start(id)
    all.order(id, { type: 'write' })
    const first = await wrote
    for (let written = first.count; written < count; written = (await wrote).count) {
      wrote = all.next('wrote', id)
    }
    return { openedAtMs: (await opened).atMs, firstAtMs: first.atMs }
  }

  return {
    async begin(count) {
      // When a process fails, begin() tells.
      followLeaders().catch(() => undefined)
      const begun = await Promise.all(IDS.map((id) => begin(id, count)))
      return {
        openedAtMs: begun.map(({ openedAtMs }) => openedAtMs),
        firstWriteAtMs: Math.min(...begun.map(({ firstAtMs }) => firstAtMs)),
      }
    },
    leader: () => known(leader),
    leave: (id) => all.leave(id),
    async answers(id) {
      const told = all.next('answers', id)
      all.order(id, { type: 'tell' })
      return (await told).atMs
    },
    close: () => all.close(),
  }
}

async function inThisProcess(parent: string): Promise<Trio> {
  // In one turn with the promise to remove it.
  const directory = mkdtempSync(join(parent, 'paxos-bench-'))
  const close = closedOnInterrupt(removeAll)
  const addresses = Object.fromEntries(IDS.map((id) => [id, `memory://${id}`]))
  const hub = memoryHub()
  const pipelines = new Map<Id, Pipeline>()
  const writers = new Map<Id, Writer>()
  let leader: Id | null = null

  async function begin(id: Id, count: number): Promise<number> {
    const options = {
      id,
      members: addresses,
      directory,
      durability: 'file',
      commandBytes: COMMAND_BYTES,
      stateBytes: 0,
      hasLease: false,
    }
    const listener = { leads: () => (leader = id), installed: () => undefined }
    const pipeline = await replicated(options, listener, memory({ hub }))
    const openedAtMs = nowMs()
    pipelines.set(id, pipeline)
    await new Promise<void>((resolve) => {
      const writer = new Writer(pipeline.commit, (written) => written >= count && resolve())
      writers.set(id, writer)
      void writer.run()
    })
    return openedAtMs
  }

  async function leave(id: Id): Promise<void> {
    writers.get(id)?.stop()
    const pipeline = pipelines.get(id)
    pipelines.delete(id)
    await pipeline?.close()
  }

  async function removeAll(): Promise<void> {
    await Promise.all(IDS.map(leave))
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }

  function answeredAtMs(id: Id): readonly number[] {
    return writers.get(id)?.answeredAtMs ?? []
  }

  return {
    async begin(count) {
      const openedAtMs = await Promise.all(IDS.map((id) => begin(id, count)))
      const firstWriteAtMs = Math.min(...IDS.map((id) => answeredAtMs(id)[0] ?? Infinity))
      return { openedAtMs, firstWriteAtMs }
    },
    leader: () => known(leader),
    leave,
    answers: (id) => Promise.resolve(answeredAtMs(id)),
    close,
  }
}

function known(leader: Id | null): Id {
  if (leader === null) throw new Error('There have been writes, and nobody said that it leads.')
  return leader
}
