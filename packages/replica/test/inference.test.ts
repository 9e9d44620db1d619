/** What somebody who writes no type parameter gets: the types of the state machine and the codec. */
import { describe, expect, expectTypeOf, it } from 'vitest'
import { json, Replica, Synod } from '@paxos/replica'
import type { Codec } from '@paxos/replica'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { Sums } from './replica-cluster.ts'
import type { Add } from './replica-cluster.ts'

const adapters = () => ({
  id: 'a',
  members: { a: 'memory://a' },
  transport: memoryTransport({ hub: memoryHub() }),
  durability: memoryDurability(),
})

const asTheyAre: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes }

describe('without a type parameter', () => {
  it('a replica of a class takes what its methods take, and answers what they return', async () => {
    const replica = await Replica.open({ ...adapters(), stateMachine: new Sums() })
    expectTypeOf(replica).toEqualTypeOf<Replica<Add, number, string, number>>()
    await replica.close()
  })

  it('a replica of an object that is written in place does too', async () => {
    let total = 0
    const replica = await Replica.open({
      ...adapters(),
      stateMachine: {
        apply: ({ add }: { add: number }) => (total += add),
        query: (name: 'total') => ({ total })[name],
        snapshot: () => new TextEncoder().encode(String(total)),
        restore: (bytes) => (total = Number(new TextDecoder().decode(bytes))),
      },
    })
    expectTypeOf(replica).toEqualTypeOf<Replica<{ add: number }, number, 'total', number>>()
    const result = replica.propose({ add: 2 })
    // @ts-expect-error -- no query of this machine
    const refused = replica.query('sum', { consistency: 'local' })
    expect(await refused).toBeUndefined()
    expect(await result).toBe(2)
    await replica.close()
  })

  it('a replica without reads takes no query', async () => {
    const replica = await Replica.open({
      ...adapters(),
      stateMachine: {
        apply: (text: string) => void text,
        snapshot: () => new Uint8Array(),
        restore() {},
      },
    })
    expectTypeOf(replica).toEqualTypeOf<Replica<string, undefined>>()
    await replica.close()
  })

  it('a codec says what commands are, where the machine does not', async () => {
    const replica = await Replica.open({
      ...adapters(),
      commandCodec: asTheyAre,
      stateMachine: { apply: () => 1, snapshot: () => new Uint8Array(), restore() {} },
    })
    expectTypeOf(replica).toEqualTypeOf<Replica<Uint8Array, number>>()
    await replica.close()
  })

  it('one value is what its codec says, and else whatever JSON can say', async () => {
    const synod = await Synod.open(adapters())
    expectTypeOf(synod).toEqualTypeOf<Synod>()
    await synod.close()
    const texts = await Synod.open({ ...adapters(), codec: json<string>() })
    expectTypeOf(texts).toEqualTypeOf<Synod<string>>()
    await texts.close()
  })
})
