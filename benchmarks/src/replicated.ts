/**
 * The pipeline of this repository: Replica over any durability adapter and transport.
 */
import { join } from 'node:path'
import { MAX_STATE_BYTES, Replica } from '@paxos/replica'
import { openDurability } from '@paxos/replica/url'
import type { Transport } from '@paxos/core'
import type { Codec, StateMachine, StreamedStateMachine } from '@paxos/replica'
import type { Listener, Pipeline, PipelineOptions } from './pipeline.ts'

/** For 'bounded': how old an answer may be. */
const MAX_STALENESS_MS = 100

const PIECE_BYTES = 256 << 10

const asTheyAre: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes }

export async function replicated(
  options: PipelineOptions,
  { leads, installed }: Listener,
  transport: Transport,
): Promise<Pipeline> {
  const { id, members, directory, durability, commandBytes, stateBytes } = options
  const { snapshotEveryBytes, trustEmptyDisk = false, hasLease, inPieces = false } = options
  const replica = await Replica.open({
    id,
    members,
    transport,
    durability: await openDurability(`${durability}:${join(directory, id)}`),
    commandCodec: asTheyAre,
    ...(snapshotEveryBytes !== undefined && { snapshotEveryBytes }),
    trustEmptyDisk,
    ...(hasLease && { lease: {} }),
    ...(inPieces && { maxStateBytes: Math.max(MAX_STATE_BYTES, 2 * stateBytes) }),
    stateMachine: inPieces ? countedInPieces(stateBytes) : counted(stateBytes),
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

/** Counts commands, and holds so many bytes besides. */
function counted(stateBytes: number): StateMachine<Uint8Array, number, 'all', number> {
  const state = Buffer.alloc(Math.max(8, stateBytes), 1)
  let applied = 0
  return {
    apply: () => (applied += 1),
    query: (of) => (of === 'all' ? applied : NaN),
    snapshot() {
      state.writeBigUInt64LE(BigInt(applied))
      return state
    },
    restore(bytes) {
      applied = Number(Buffer.from(bytes.buffer, bytes.byteOffset, 8).readBigUInt64LE())
    },
  }
}

/** The same, in pieces. What changes is copied as a snapshot is begun; the rest never changes. */
function countedInPieces(
  stateBytes: number,
): StreamedStateMachine<Uint8Array, number, 'all', number> {
  const state = Buffer.alloc(Math.max(8, stateBytes), 1)
  let applied = 0
  return {
    apply: () => (applied += 1),
    query: (of) => (of === 'all' ? applied : NaN),
    *snapshot() {
      const count = Buffer.alloc(8)
      count.writeBigUInt64LE(BigInt(applied))
      yield count
      for (let offset = 8; offset < state.length; offset += PIECE_BYTES) {
        yield state.subarray(offset, offset + PIECE_BYTES)
      }
    },
    async restorePieces(pieces) {
      let offset = 0
      for await (const piece of pieces) {
        state.set(piece, offset)
        offset += piece.byteLength
      }
      applied = Number(state.readBigUInt64LE())
    },
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
