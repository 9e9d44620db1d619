/** Several state machines in one log, asked from elsewhere: one line differs. */
import { expect, expectTypeOf, it } from 'vitest'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { connect, serve } from '@paxos/remote'
import { compose, Replica } from '@paxos/replica'
import type { ComposedReplica } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { Sums } from './nodes.ts'

class Names {
  readonly #names: string[] = []

  apply(name: string): number {
    return this.#names.push(name)
  }

  query(which: 'all' | 'last'): readonly string[] {
    return which === 'all' ? [...this.#names] : this.#names.slice(-1)
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.#names))
  }

  restore(bytes: Uint8Array): void {
    this.#names.splice(0, Infinity, ...JSON.parse(new TextDecoder().decode(bytes)))
  }
}

const both = () => compose({ sums: new Sums(), names: new Names() })

/** What a program does with the parts, wherever they are. */
async function program({
  sums,
  names,
}: Pick<ComposedReplica<{ sums: Sums; names: Names }>, 'sums' | 'names'>): Promise<unknown> {
  return [
    await sums.propose({ name: 'x', add: 2 }),
    await names.propose('first'),
    await sums.query('x'),
    await names.query('all'),
    await names.openSession(),
  ]
}

it('each part has its calls under its name, here as there, and no type is written', async () => {
  const stateMachine = both()
  await using replica = await Replica.open({
    id: 'a',
    members: { a: 'memory://a' },
    transport: memoryTransport({ hub: memoryHub() }),
    durability: memoryDurability(),
    stateMachine,
  })
  await using server = await serve(replica, { stateMachine })
  await using remote = await connect([server.address ?? ''], { stateMachine: both() })

  expect(await program(replica)).toEqual([2, 1, 2, ['first'], expect.any(String)])
  expect(await program(remote)).toEqual([4, 2, 4, ['first', 'first'], expect.any(String)])
  expectTypeOf(remote.names).toEqualTypeOf(replica.names)
  expectTypeOf(remote.sums).toEqualTypeOf(replica.sums)
})
