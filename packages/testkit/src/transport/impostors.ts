/**
 * The part of the suite about impostors: somebody who says that it is a peer, and cannot prove it. Only
 * where the harness can open one. Must not ask how a transport finds out who is who.
 */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { NodeId, PeerFigures, Transport } from '@paxos/core'
import { bytes, isEqual } from '../bytes.ts'
import type { Definer, TransportNotApplicable } from './definer.ts'
import { introduce, reach, RESEND_AFTER_MS, settle } from './world.ts'
import type { TestNode, World } from './world.ts'

/** What an impostor sends, and what is sent to where one is. */
const FORGED = bytes(6, 6, 6)
const SECRET = bytes(7, 7, 7)

/** How often it is tried where nobody says what has become of it: each time a friend is heard as well. */
const TRIES = 20

/** What was not said by then never will be: in turns and not in time, for a busy machine takes longer. */
const MAX_TURNS = 1_000

export function impostorScenarios(
  { describe, scenarioOfImpostors }: Definer,
  notApplicable: TransportNotApplicable,
): void {
  describe('impostors, where nodes prove who they are,', () => {
    scenarioOfImpostors(
      'are not heard, and the peer goes on meanwhile',
      async (world, impostor) => {
        const { victim, peer } = await openFriends(world)
        await knock(await openImpostor(world, impostor, victim), victim, peer)
        assert.ok(!hasHeard(victim, FORGED), 'What it sent was delivered.')
      },
    )

    scenarioOfImpostors(
      'do not take the place of the peer, who gets what is for it alone',
      async (world, impostor) => {
        const { victim, peer } = await openFriends(world)
        const it = await openImpostor(world, impostor, victim)
        await knock(it, victim, peer)
        for (const frame of [bytes(1), bytes(2), bytes(3)]) {
          it.transport.send(victim.id, FORGED)
          await pause(RESEND_AFTER_MS)
          const { isConnected, incarnation } = figuresOf(victim, peer.id) ?? {}
          assert.notEqual(isConnected, false)
          assert.equal(incarnation ?? GENUINE, GENUINE)
          victim.transport.send(peer.id, frame)
          await peer.received(frame)
        }
        assert.deepEqual(it.inbox, [])
      },
    )

    scenarioOfImpostors('that come first keep nobody out', async (world, impostor) => {
      const [victim, friend] = [await world.openNode('b'), await world.openNode('c')]
      introduce(victim, friend)
      const away = ['a', world.harness.deserted] as const
      victim.transport.setPeers(new Map([away, ['c', friend.transport.address]]))
      const it = await openImpostor(world, impostor, victim)
      await knock(it, victim, friend)
      const peer = await openPeer(world)
      introduce(victim, friend, peer)
      it.transport.send(victim.id, FORGED)
      await reach(peer, victim, bytes(1))
      await reach(victim, peer, bytes(2))
      assert.ok(!hasHeard(victim, FORGED), 'What it sent was delivered.')
      assert.deepEqual(it.inbox, [])
    })

    scenarioOfImpostors(
      'at the address of a peer are sent nothing, and not heard',
      async (world, impostor) => {
        const { openNode, harness } = world
        const [victim, peer, friend] = await world.openThree()
        await settle(victim, peer)
        await settle(peer, victim)
        const it = await openNode(peer.id, harness.listen('impostor'), {
          transport: impostor,
          peers: new Map([[victim.id, harness.deserted]]),
        })
        // It would come by itself, and be reached.
        peer.transport.setPeers(new Map())
        const { sent = 0 } = figuresOf(victim, peer.id) ?? {}
        const book = new Map([
          [peer.id, it.transport.address],
          [friend.id, friend.transport.address],
        ])
        victim.transport.setPeers(book)
        const isTold = (): boolean => (figuresOf(victim, peer.id)?.problem ?? null) !== null
        for (let turns = 0; it.inbox.length === 0 && !isTold(); turns += 1) {
          // Where there are no figures nobody may say so.
          if (victim.transport.figures === undefined && turns === TRIES) break
          assert.ok(turns < MAX_TURNS, 'Nothing says that the peer cannot be reached there.')
          victim.transport.send(peer.id, SECRET)
          it.transport.send(victim.id, FORGED)
          await pause(RESEND_AFTER_MS)
          await settle(victim, friend)
          await settle(friend, victim)
        }
        assert.deepEqual(it.inbox, [])
        assert.ok(!hasHeard(victim, FORGED), 'What it sent was delivered.')
        assert.ok((figuresOf(victim, peer.id)?.sent ?? 0) <= sent, 'Something was sent to it.')
        introduce(victim, peer, friend)
        await reach(victim, peer, bytes(1))
        await reach(peer, victim, bytes(2))
      },
    )

    scenarioOfImpostors(
      'are told of: that credentials were refused, to whom it warns and in its figures',
      async (world, impostor, lacks) => {
        if (world.made().figures === undefined) {
          lacks('figures', notApplicable.figures ?? 'the transport does not tell any')
          return
        }
        const { victim, peer } = await openFriends(world)
        const it = await openImpostor(world, impostor, victim)
        for (let turns = 0; !it.isRefused(); turns += 1) {
          const mayBeTold = turns < MAX_TURNS && !hasHeard(victim, FORGED)
          assert.ok(mayBeTold, 'Nothing says that it was turned away for its credentials.')
          await knockOnce(it, victim, peer)
        }
        const { received } = figuresOf(victim, peer.id) ?? {}
        assert.equal(received, victim.inbox.length)
      },
    )
  })
}

/** As which incarnation the peer is there. */
const GENUINE = 'genuine'

/** Somebody who says that it is a peer of a node. */
interface Impostor extends TestNode {
  /** Whether that node has refused credentials since, to whom it warns and in its figures. */
  readonly isRefused: () => boolean
}

function openPeer({ openNode, harness }: World): Promise<TestNode> {
  return openNode('a', harness.listen('a'), { incarnation: GENUINE })
}

/** A node, and the peer that somebody will claim to be: they have heard each other. */
async function openFriends(
  world: World,
): Promise<{ readonly victim: TestNode; readonly peer: TestNode }> {
  const [victim, peer] = [await world.openNode('b'), await openPeer(world)]
  introduce(victim, peer)
  await settle(peer, victim)
  await settle(victim, peer)
  return { victim, peer }
}

/** Somebody who is not the node a, says so to `victim`, and would listen to it as well. */
async function openImpostor(
  { openNode, harness }: World,
  transport: () => Transport,
  victim: TestNode,
): Promise<Impostor> {
  const [warned, counted] = refusedCredentials(victim)
  const node = await openNode('a', harness.listen('impostor'), {
    transport,
    incarnation: 'impostor',
    peers: new Map([[victim.id, victim.transport.address]]),
  })
  function isRefused(): boolean {
    const [warnedNow, countedNow] = refusedCredentials(victim)
    return warnedNow > warned && countedNow > counted
  }
  return { ...node, isRefused }
}

/** How often a node has said so: by a warning, and in its figures. Of its own it may warn as well. */
function refusedCredentials({ warnings, transport }: TestNode): readonly [number, number] {
  const warned = warnings.filter(({ reason }) => reason === 'credentials').length
  return [warned, transport.figures?.().refused.credentials ?? 0]
}

/**
 * `impostor` sends to `victim` again and again, until that has refused it, or heard it, or has said
 * nothing for long. Meanwhile `friend` and `victim` hear each other.
 */
async function knock(impostor: Impostor, victim: TestNode, friend: TestNode): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    await knockOnce(impostor, victim, friend)
    if (impostor.isRefused() || hasHeard(victim, FORGED)) return
  }
}

async function knockOnce(impostor: TestNode, victim: TestNode, friend: TestNode): Promise<void> {
  impostor.transport.send(victim.id, FORGED)
  await pause(RESEND_AFTER_MS)
  await settle(friend, victim)
  await settle(victim, friend)
}

function hasHeard({ inbox }: TestNode, frame: Uint8Array): boolean {
  return inbox.some((entry) => isEqual(entry.frame, frame))
}

function figuresOf({ transport }: TestNode, id: NodeId): PeerFigures | undefined {
  return transport.figures?.().peers.get(id)
}
