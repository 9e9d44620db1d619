/**
 * One process of the recovery benchmark, so that each has the memory of its own step: it writes a log,
 * opens a disk alone, or opens a node on it. Says on its channel what that took, and ends.
 */
import { memory, memoryHub } from '@paxos/transport-memory'
import { file } from '@paxos/durability-file'
import { Replica } from '@paxos/replica'

export interface RecoveryStep {
  readonly step: 'write' | 'open-disk' | 'open-node'
  readonly directory: string
  /** What is written. */
  readonly logBytes: number
  readonly commandBytes: number
}

export interface RecoveryTook {
  readonly seconds: number
  readonly peakBytes: number
}

/** Enough to fill slots and syncs. */
const CALLERS = 512

/** More than any log here: no snapshot stands in for it. */
const NEVER_BYTES = 2 ** 40

process.once('message', (step: RecoveryStep) => void run(step))

async function run(step: RecoveryStep): Promise<void> {
  const startedAtMs = performance.now()
  if (step.step === 'open-disk') await openDisk(step.directory)
  else await openNode(step, step.step === 'write' ? step.logBytes : 1)
  const seconds = (performance.now() - startedAtMs) / 1000
  const peakBytes = process.resourceUsage().maxRSS * 1024
  process.send?.({ seconds, peakBytes } satisfies RecoveryTook, () => process.exit())
}

async function openDisk(directory: string): Promise<void> {
  const durability = file(directory)
  await durability.open()
}

/** A cluster of one; open when it has answered a command behind all that the log holds. */
async function openNode({ directory, commandBytes }: RecoveryStep, bytes: number): Promise<void> {
  const command = new Uint8Array(commandBytes).fill(7)
  let applied = 0
  const replica = await Replica.open({
    id: 'a',
    members: { a: 'memory://a' },
    transport: memory({ hub: memoryHub() }),
    durability: file(directory),
    commandCodec: { encode: (all: Uint8Array) => all, decode: (all) => all },
    snapshotEveryBytes: NEVER_BYTES,
    snapshotEveryEntries: Number.MAX_SAFE_INTEGER,
    stateMachine: {
      apply: () => (applied += 1),
      snapshot: () => new TextEncoder().encode(String(applied)),
      restore: (all) => (applied = Number(new TextDecoder().decode(all))),
    },
  })
  let left = Math.ceil(bytes / commandBytes)
  await Promise.all(
    Array.from({ length: Math.min(CALLERS, left) }, async () => {
      while (left > 0) {
        left -= 1
        await replica.propose(command)
      }
    }),
  )
}
