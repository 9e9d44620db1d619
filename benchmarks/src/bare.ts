/**
 * The yardstick: the same processes, transport and disks, and nothing else. The first node appends
 * what its callers want to a file and sends it to the others, who append it too; each syncs what has
 * gathered, and a batch counts when it is on two disks. No ballots, no codec, no recovery.
 */
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { openTransport } from '@paxos/replica/url'
import { COMMAND_BYTES } from './pipeline.ts'
import type { Listener, Pipeline, PipelineOptions } from './pipeline.ts'

const HEADER_BYTES = 8
const MAX_BATCH_COMMANDS = 2_000

interface Batch {
  readonly number: number
  readonly done: readonly (() => void)[]
  copies: number
}

export async function bare(
  { id, members, directory }: PipelineOptions,
  { leads }: Listener,
): Promise<Pipeline> {
  await mkdir(directory, { recursive: true })
  const log = await appender(join(directory, `${id}.log`))
  const transport = await openTransport(members[id] ?? '')
  const [leader = '', ...followers] = Object.keys(members)
  const command = Buffer.alloc(COMMAND_BYTES, 7)
  const batches = new Map<number, Batch>()
  let waiting: (() => void)[] = []
  let number = 0
  let isFlushing = false

  function received(from: string, frame: Uint8Array): void {
    const sequence = Number(
      Buffer.from(frame.buffer, frame.byteOffset, HEADER_BYTES).readBigUInt64LE(),
    )
    if (id === leader) copied(sequence)
    else void log.append(frame).then(() => transport.send(from, frame.subarray(0, HEADER_BYTES)))
  }

  function copied(sequence: number): void {
    const batch = batches.get(sequence)
    if (batch === undefined) return
    batch.copies += 1
    if (batch.copies < 2) return
    batches.delete(sequence)
    for (const done of batch.done) done()
  }

  function flush(): void {
    isFlushing = false
    const done = waiting.slice(0, MAX_BATCH_COMMANDS)
    waiting = waiting.slice(MAX_BATCH_COMMANDS)
    number += 1
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeBigUInt64LE(BigInt(number))
    const frame = Buffer.concat([header, ...done.map(() => command)])
    const batch = { number, done, copies: 0 }
    batches.set(number, batch)
    for (const follower of followers) transport.send(follower, frame)
    void log.append(frame).then(() => copied(batch.number))
    if (waiting.length > 0) flush()
  }

  await transport.open({
    id,
    listen: members[id] ?? '',
    peers: new Map(Object.entries(members).filter(([peer]) => peer !== id)),
    receive: received,
  })
  if (id === leader) leads()
  return {
    read: () => Promise.reject(new TypeError('A bare pipeline has nothing to be read.')),
    commit: () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve)
        if (isFlushing) return
        isFlushing = true
        queueMicrotask(flush)
      }),
    async close() {
      await transport.close()
      await log.close()
    },
  }
}

/** A file that is appended to and synced, many at once. */
async function appender(path: string): Promise<{
  readonly append: (bytes: Uint8Array) => Promise<void>
  readonly close: () => Promise<void>
}> {
  const file = await open(path, 'a')
  let waiting: { readonly bytes: Uint8Array; readonly resolve: () => void }[] = []
  let writing: Promise<void> | null = null
  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      await file.writev(group.map(({ bytes }) => bytes))
      await file.datasync()
      for (const { resolve } of group) resolve()
    }
    writing = null
  }
  return {
    append: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, resolve })
        writing ??= write()
      }),
    async close() {
      await writing
      await file.close()
    },
  }
}
