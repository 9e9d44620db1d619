/** Snapshots whose bytes the host keeps: the engine says which piece goes where, and holds none. */
import { InvalidArgumentError } from '@paxos/core'
import type { LogEffects, LogEvent } from '@paxos/core/multi'
import { CHUNK_BYTES, MAX_SNAPSHOT_BYTES, SNAPSHOT_KEPT_FOR_MS } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { at } from '../messages.ts'
import { accepted, bytes, heartbeat, instantly, leadingA, promise } from './one-node.ts'
import { nodeA, only, type MessageOf } from './one-node.ts'

const B1 = at(1, 'b')
const NONE = new Uint8Array()

const chunk = (rest: Partial<MessageOf<'snapshotChunk'>> = {}): MessageOf<'snapshotChunk'> => ({
  type: 'snapshotChunk',
  ballot: B1,
  through: 9,
  members: [],
  totalBytes: 6,
  offset: 0,
  bytes: bytes('abc'),
  ...rest,
})

const last = () => chunk({ offset: 3, bytes: bytes('def') })

/** It lacks what b knows, and is asking b. */
const behind = (maxSnapshotBytes = MAX_SNAPSHOT_BYTES) => {
  const a = nodeA({ livenessWindowMs: 60_000, stagesSnapshots: true, maxSnapshotBytes })
  a.receive('b', heartbeat(B1, 1, 9))
  return a
}

const leadingWith = (slots: number) => {
  const a = leadingA({ stagesSnapshots: true })
  for (let slot = 2; slot <= slots; slot += 1) {
    instantly(a, a.propose([Uint8Array.of(slot)]).effects)
    instantly(a, a.receive('b', accepted(at(1), slot)))
  }
  return a
}

const told = <Type extends LogEvent['type']>(
  { events }: Pick<LogEffects, 'events'>,
  type: Type,
): Extract<LogEvent, { readonly type: Type }>[] =>
  events.filter((event): event is Extract<LogEvent, { readonly type: Type }> => event.type === type)

const staged = (id: string, byteLength = 6) => ({ id, byteLength })

describe('a snapshot that comes in to a host that keeps pieces', () => {
  it('is asked for piece by piece, and never faster than the host keeps them', () => {
    const a = behind()
    const first = a.receive('b', chunk())
    const piece = { type: 'piece-received', transfer: 1, through: 9 }
    expect(first.events).toEqual([{ ...piece, bytes: bytes('abc'), isLast: false }])
    expect(only(first.send, 'fetchSnapshot')).toEqual([])
    // Nobody answers for the disk: neither time nor a repeated piece makes this node ask.
    expect(only(a.tick(50_000).send, 'fetchSnapshot')).toEqual([])
    expect(a.receive('b', last()).events).toEqual([])
    expect(only(a.pieceKept(1).send, 'fetchSnapshot')[0]?.message).toMatchObject({ offset: 3 })
    expect(a.receive('b', last()).events).toEqual([{ ...piece, bytes: bytes('def'), isLast: true }])
  })

  it('takes the place of its slots when the host has it whole, and not before', () => {
    const a = behind()
    a.receive('b', chunk())
    a.pieceKept(1)
    const whole = a.receive('b', last())
    expect([whole.save, a.chosenThrough]).toEqual([undefined, 0])
    expect(only(a.pieceKept(1).send, 'fetchSnapshot')).toEqual([])
    const { save, events } = a.received(1, staged('s'))
    const snapshot = { through: 9, members: [], bytes: NONE, staged: staged('s') }
    expect(save?.change).toEqual({ promised: B1, snapshot, chosenThrough: 9 })
    expect(events).toEqual([{ type: 'snapshot-installed', snapshot }])
    expect(a.chosenThrough).toBe(9)
  })

  it('is still wanted while the host makes its state of it, and its sender told so, until it has', () => {
    const a = behind()
    a.receive('b', chunk({ totalBytes: 3 }))
    const start = SNAPSHOT_KEPT_FOR_MS
    a.tick(start)
    const wanted = (nowMs: number) =>
      only(a.tick(nowMs).send, 'fetchSnapshot').map(({ to, message }) => [to, message.offset])
    let untilMs = start
    for (let count = 0; count < 8; count += 1) {
      const said = a.nextTickAtMs ?? expect.fail()
      // Several times before its sender would forget what comes behind it.
      expect(said - untilMs).toBeLessThan(SNAPSHOT_KEPT_FOR_MS / 2)
      untilMs = said
      if (count > 0) expect(wanted(said)).toEqual([['b', 3]])
      else a.tick(said)
      expect(wanted(said + 1)).toEqual([])
    }
    a.received(1, staged('s', 3))
    expect(wanted(untilMs + SNAPSHOT_KEPT_FOR_MS)).toEqual([])
  })

  it('that is none is disbelieved, and its sender asked for nothing until it says more', () => {
    const a = behind()
    a.receive('b', chunk({ totalBytes: 3 }))
    const { events, save, send } = a.notReceived(1)
    expect(events).toEqual([{ type: 'disbelieved', from: 'b', reason: 'value' }])
    expect([save, send]).toEqual([undefined, []])
  })

  it('is given up, and the host told, when a newer one takes its place', () => {
    const a = behind()
    a.receive('b', chunk())
    a.pieceKept(1)
    const newer = a.receive('b', chunk({ through: 11 }))
    expect(told(newer, 'transfer-dropped')).toEqual([{ type: 'transfer-dropped', transfer: 1 }])
    expect(told(newer, 'piece-received')).toMatchObject([{ transfer: 2, through: 11 }])
  })

  it('is not installed where a piece is missing, or this node leads by then', () => {
    const early = behind()
    early.receive('b', chunk())
    early.pieceKept(1)
    const leading = nodeA({ stagesSnapshots: true })
    leading.receive('b', heartbeat(B1, 1, 9))
    leading.receive('b', chunk({ totalBytes: 3 }))
    instantly(leading, leading.lead())
    const promised = promise(at(2), 1, { chosenThrough: 0 })
    expect(told(instantly(leading, leading.receive('b', promised)), 'transfer-dropped')).toEqual([
      { type: 'transfer-dropped', transfer: 1 },
    ])
    for (const a of [early, leading]) {
      const { save, events } = a.received(1, staged('s'))
      expect(events).toEqual([{ type: 'snapshot-unused', staged: staged('s') }])
      expect([save, a.chosenThrough]).toEqual([undefined, 0])
    }
  })

  it('is not begun above the bound, whatever its sender says later', () => {
    const a = behind(6)
    expect(a.receive('b', chunk({ totalBytes: 7 })).events).toEqual([])
    expect(told(a.receive('b', chunk()), 'piece-received')).toHaveLength(1)
    a.pieceKept(1)
    expect(a.receive('b', chunk({ offset: 3, bytes: bytes('defg') })).events).toEqual([])
  })
})

const snapshot = (through: number, id = `s${through}`, byteLength = CHUNK_BYTES + 10) => ({
  through,
  staged: { id, byteLength },
})

describe('a snapshot that a host has staged', () => {
  it('is sent from where the host has it, in pieces of CHUNK_BYTES', () => {
    const a = leadingWith(3)
    const { changes } = instantly(a, a.snapshot(snapshot(3)))
    expect(changes[0]?.snapshot).toMatchObject({ bytes: NONE, staged: snapshot(3).staged })
    const asked = [0, CHUNK_BYTES].map((offset) =>
      a.receive('c', { type: 'fetchSnapshot', through: 3, offset }),
    )
    expect(asked.flatMap(({ send }) => send)).toEqual([])
    const pieces = asked.flatMap((effects) => told(effects, 'piece-wanted'))
    expect(pieces.map(({ piece }) => [piece.message.offset, piece.length])).toEqual([
      [0, CHUNK_BYTES],
      [CHUNK_BYTES, 10],
    ])
    const [, second] = pieces
    if (second === undefined) throw new Error('no piece is wanted')
    const read = bytes('0123456789')
    expect(a.pieceRead(second.piece, read).send).toMatchObject([
      { to: 'c', message: { type: 'snapshotChunk', through: 3, offset: CHUNK_BYTES, bytes: read } },
    ])
  })

  it('may be discarded once a newer one is durable, and not before', () => {
    const a = leadingWith(5)
    instantly(a, a.snapshot(snapshot(3)))
    expect(a.snapshot(snapshot(5)).events).toEqual([])
    expect(a.saved().events).toEqual([{ type: 'snapshot-unused', staged: snapshot(3).staged }])
  })

  it('stays while somebody fetches it, and no longer', () => {
    const a = leadingWith(5)
    instantly(a, a.snapshot(snapshot(3)))
    a.receive('c', { type: 'fetchSnapshot', through: 3, offset: 0 })
    expect(instantly(a, a.snapshot(snapshot(5))).events).toEqual([])
    const later = instantly(a, a.tick(SNAPSHOT_KEPT_FOR_MS + 1))
    expect(told(later, 'snapshot-unused')).toMatchObject([{ staged: { id: 's3' } }])
  })

  it('that is no newer than the one there is may be discarded at once', () => {
    const a = leadingWith(3)
    instantly(a, a.snapshot(snapshot(3)))
    const { save, events } = a.snapshot(snapshot(3, 'again'))
    expect(save).toBeUndefined()
    expect(events).toMatchObject([{ type: 'snapshot-unused', staged: { id: 'again' } }])
  })

  it('of too many bytes is an error of the host', () => {
    const a = leadingWith(3)
    expect(() => a.snapshot(snapshot(3, 's', MAX_SNAPSHOT_BYTES + 1))).toThrow(InvalidArgumentError)
  })
})
