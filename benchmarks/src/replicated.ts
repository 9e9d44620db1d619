/**
 * The pipeline of this repository: Replica over any durability adapter and transport.
 */
import { join } from 'node:path'
import { Replica } from '@paxos/replica'
import { openDurability } from '@paxos/replica/url'
import type { Transport } from '@paxos/core'
import type { Codec } from '@paxos/replica'
import type { Listener, Pipeline, PipelineOptions } from './pipeline.ts'

/** For 'bounded': how old an answer may be. */
const MAX_STALENESS_MS = 100

const asTheyAre: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes }

export async function replicated(
  options: PipelineOptions,
  { leads, installed }: Listener,
  transport: Transport,
): Promise<Pipeline> {
  const { id, members, directory, durability, commandBytes, stateBytes } = options
  const { snapshotEveryBytes, trustEmptyDisk = false, hasLease } = options
  const state = Buffer.alloc(Math.max(8, stateBytes), 1)
  let applied = 0
  const replica = await Replica.open({
    id,
    members,
    transport,
    durability: await openDurability(`${durability}:${join(directory, id)}`),
    commandCodec: asTheyAre,
    ...(snapshotEveryBytes !== undefined && { snapshotEveryBytes }),
    trustEmptyDisk,
    ...(hasLease && { lease: {} }),
    stateMachine: {
      apply: () => (applied += 1),
      query: (of: 'all') => (of === 'all' ? applied : NaN),
      snapshot() {
        state.writeBigUInt64LE(BigInt(applied))
        return state
      },
      restore(bytes) {
        applied = Number(Buffer.from(bytes.buffer, bytes.byteOffset, 8).readBigUInt64LE())
      },
    },
  })
  void listen(replica, leads, installed)
  const command = new Uint8Array(commandBytes).fill(7)
  return {
    commit: () => replica.propose(command),
    read(consistency) {
      const bound = consistency === 'bounded' ? { maxStalenessMs: MAX_STALENESS_MS } : {}
      return replica.query('all', { consistency, ...bound })
    },
    close: () => replica.close(),
  }
}

async function listen(
  replica: Pick<Replica, 'events'>,
  leads: () => void,
  installed: (bytes: number) => void,
): Promise<void> {
  for await (const event of replica.events()) {
    if (event.type === 'leadership-acquired') leads()
    if (event.type === 'snapshot-installed') installed(event.bytes)
    if (event.type === 'stopped') throw event.error
  }
}
