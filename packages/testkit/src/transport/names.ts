/**
 * The part of the suite about who is who: a sender is who it says it is, to the letter, whatever its
 * address was before or somebody else's is now. Must not ask for ids that no transport need carry.
 */
import assert from 'node:assert/strict'
import { active, nothingMoreThan } from '../active.ts'
import { bytes } from '../bytes.ts'
import { codeOf } from '../code-of.ts'
import { SENDER_IDS } from '../ids.ts'
import type { Definer } from './definer.ts'
import { ignore, reach, reachAll, settle } from './world.ts'
import type { TestNode } from './world.ts'

/** Longer than any id, and one that is no text. A transport may carry them, or say that it cannot. */
const UNUSUAL_IDS = ['x'.repeat(256), 'x'.repeat(70_000), 'a\ud800']

export function nameScenarios({ describe, scenario }: Definer): void {
  describe('who sent it', () => {
    scenario('P18: is told to the letter, however alike ids are', async ({ openNode, harness }) => {
      const nodes: TestNode[] = []
      for (const [index, id] of SENDER_IDS.entries()) {
        nodes.push(await openNode(id, harness.listen(`like${index}`)))
      }
      const [hub, ...others] = nodes
      assert.ok(hub !== undefined)
      // Not all of them all others: that is many connections, and shows nothing more.
      hub.transport.setPeers(new Map(others.map(({ id, transport }) => [id, transport.address])))
      for (const { transport } of others) {
        transport.setPeers(new Map([[hub.id, hub.transport.address]]))
      }
      for (const [index, other] of others.entries()) {
        await reachAll([{ from: other, frame: bytes(index) }], hub)
        await reachAll([{ from: hub, frame: bytes(index) }], other)
      }
      for (const { from, frame } of hub.inbox) assert.equal(from, others[frame[0] ?? -1]?.id)
      for (const [index, { inbox }] of others.entries()) {
        assert.ok(inbox.every(({ from, frame }) => from === hub.id && frame[0] === index))
      }
    })

    scenario('is who says so, though another node had its address before', async (world) => {
      const [a, b, d] = await world.openThree()
      await settle(b, a)
      const { address } = b.transport
      await b.transport.close()
      const c = await world.openNode('peer', address)
      c.transport.setPeers(new Map([['a', a.transport.address]]))
      const elsewhere = world.harness.deserted
      function know(whereB: string, whereC: string): void {
        const book = [
          ['b', whereB],
          ['peer', whereC],
          [d.id, d.transport.address],
        ] as const
        a.transport.setPeers(new Map(book))
      }
      // A book that has not heard of it: what comes may be dropped, and is nobody else's.
      know(address, elsewhere)
      const before = a.inbox.length
      for (let count = 0; count < 5; count += 1) {
        c.transport.send('a', bytes(count))
        await settle(d, a)
      }
      know(elsewhere, address)
      await reach(c, a, bytes(7))
      assert.ok(a.inbox.slice(before).every(({ from }) => from === 'peer' || from === d.id))
      await reach(a, c, bytes(8))
    })

    scenario(
      'an id that cannot be carried is refused, and leaves nothing behind',
      async (world) => {
        const { made, openNode, harness } = world
        const b = await openNode('b')
        const listen = harness.listen('a')
        for (const id of UNUSUAL_IDS) {
          const before = active()
          const transport = made()
          const peers = new Map([['b', b.transport.address]])
          const code = await codeOf(transport.open({ id, listen, peers, receive: ignore }))
          if (code === null) {
            b.transport.setPeers(new Map([[id, transport.address]]))
            const arrival = { from: { ...b, id, transport }, frame: bytes(id.length & 0xff) }
            await reachAll([arrival], b)
            await transport.close()
          } else {
            assert.equal(code, 'ERR_PAXOS_INVALID_ARGUMENT')
            await nothingMoreThan(before)
          }
        }
        await openNode('a', listen)
      },
    )
  })
}
