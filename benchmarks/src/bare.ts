/**
 * The yardstick: the same processes, transport and disks, and nothing else. The first node appends
 * what its callers want to a file and sends it to the others, who append it too; each syncs what has
 * gathered, and a batch counts when it is on two disks. No ballots, no codec, no recovery.
 */
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Transport } from '@paxos/core'
import type { Listener, Pipeline, PipelineOptions } from './pipeline.ts'

const HEADER_BYTES = 8
const MAX_BATCH_COMMANDS = 2_000
/** So that a frame takes it, with its header. */
const MAX_BATCH_BYTES = 512_000
/** What may be on its way: well within what a transport keeps for a peer. */
const MAX_IN_FLIGHT_BYTES = 4 << 20
/** What nobody has answered for so long may be lost, and is sent again. */
const LOST_AFTER_MS = 250

interface Batch {
  readonly number: number
  readonly frame: Uint8Array
  readonly done: readonly (() => void)[]
  /** Who has it on disk. */
  readonly copies: Set<string>
  sentAtMs: number
}

export async function bare(
  { id, members, directory, commandBytes }: PipelineOptions,
  { leads }: Listener,
  transport: Transport,
): Promise<Pipeline> {
  await mkdir(directory, { recursive: true })
  const log = await appender(join(directory, `${id}.log`))
  const [leader = '', ...followers] = Object.keys(members)
  const command = Buffer.alloc(commandBytes, 7)
  const maxCommands = Math.max(
    1,
    Math.min(MAX_BATCH_COMMANDS, Math.floor(MAX_BATCH_BYTES / commandBytes)),
  )
  const batches = new Map<number, Batch>()
  let inFlightBytes = 0
  let waiting: (() => void)[] = []
  let number = 0
  let isFlushing = false

  function received(from: string, frame: Uint8Array): void {
    const sequence = Number(
      Buffer.from(frame.buffer, frame.byteOffset, HEADER_BYTES).readBigUInt64LE(),
    )
    if (id === leader) copied(sequence, from)
    else void log.append(frame).then(() => transport.send(from, frame.subarray(0, HEADER_BYTES)))
  }

  function copied(sequence: number, by: string): void {
    const batch = batches.get(sequence)
    if (batch === undefined) return
    batch.copies.add(by)
    if (batch.copies.size < 2) return
    batches.delete(sequence)
    inFlightBytes -= batch.frame.length
    for (const done of batch.done) done()
    flushSoon()
  }

  function flushSoon(): void {
    if (isFlushing || waiting.length === 0) return
    isFlushing = true
    queueMicrotask(flush)
  }

  function flush(): void {
    isFlushing = false
    while (waiting.length > 0 && (inFlightBytes === 0 || hasRoom())) {
      const done = waiting.slice(0, maxCommands)
      waiting = waiting.slice(maxCommands)
      number += 1
      const header = Buffer.alloc(HEADER_BYTES)
      header.writeBigUInt64LE(BigInt(number))
      const frame = Buffer.concat([header, ...done.map(() => command)])
      const batch = { number, frame, done, copies: new Set<string>(), sentAtMs: performance.now() }
      batches.set(number, batch)
      inFlightBytes += frame.length
      for (const follower of followers) transport.send(follower, frame)
      void log.append(frame).then(() => copied(batch.number, id))
    }
  }

  function hasRoom(): boolean {
    const bytes = Math.min(waiting.length, maxCommands) * commandBytes
    return inFlightBytes + bytes <= MAX_IN_FLIGHT_BYTES
  }

  function sendAgain(): void {
    const nowMs = performance.now()
    for (const batch of batches.values()) {
      if (nowMs - batch.sentAtMs < LOST_AFTER_MS) continue
      batch.sentAtMs = nowMs
      for (const follower of followers) transport.send(follower, batch.frame)
    }
  }

  const timer = setInterval(sendAgain, LOST_AFTER_MS)
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
        flushSoon()
      }),
    async close() {
      clearInterval(timer)
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
