/** What is lost on the way, and what is not: connections, servers, leaders; and no command, nor twice. */
import { describe, expect, it } from 'vitest'
import { connect, serve } from '@paxos/remote'
import type { RemoteReplica } from '@paxos/remote'
import { httpServer, serveNodes, Sums } from './nodes.ts'
import type { Add, Node, Nodes } from './nodes.ts'

type SumsRemote = RemoteReplica<Add, number, string, number>

const open = (addresses: readonly string[]): Promise<SumsRemote> =>
  connect(addresses, { stateMachine: new Sums(), heartbeatMs: 500 })

/** The node that a client asks. */
function askedBy(remote: SumsRemote, { nodes }: Nodes): Node {
  const found = nodes.find(({ address }) => address === remote.status().address)
  if (found === undefined) throw new Error('It asks nobody.')
  return found
}

/** Waits, by the events of a client, until something is so. */
async function until(remote: SumsRemote, isSo: () => boolean): Promise<void> {
  const events = remote.events()
  while (!isSo()) await events.next()
  await events.return?.()
}

describe('exactly once', () => {
  it('100 calls while connections break and the server that is asked, the leader, is killed', async () => {
    const served = await serveNodes(['a', 'b', 'c'])
    const remote = await open(served.addresses)
    const leader = await served.leader()
    await until(remote, () => remote.status().address === leader.address)
    let answers = 0
    const killed: Promise<void>[] = []
    const call = async (): Promise<number> => {
      const sum = await remote.propose({ name: 'calls', add: 1 })
      answers += 1
      if (answers === 40) killed.push(askedBy(remote, served).kill())
      else if (answers % 7 === 0) for (const { cut } of served.nodes) cut()
      return sum
    }
    // Some at once, and others behind them, so that calls are under way at each of the faults.
    const callers = Array.from({ length: 10 }, async () => {
      const sums: number[] = []
      for (let count = 0; count < 10; count += 1) sums.push(await call())
      return sums
    })
    const sums = (await Promise.all(callers)).flat()
    expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
    expect(await remote.query('calls')).toBe(100)
    expect(killed).toHaveLength(1)
    await Promise.all(killed)
    await remote.close()
    await served.close()
  })

  it('100 calls that are all under way when the connection breaks are each made once, elsewhere', async () => {
    const served = await serveNodes(['a', 'b', 'c'])
    const remote = await open(served.addresses)
    const calls = Array.from({ length: 100 }, () => remote.propose({ name: 'cut', add: 1 }))
    await calls[0]
    for (const { cut } of served.nodes) cut()
    const sums = await Promise.all(calls)
    expect(new Set(sums).size).toBe(100)
    expect(await remote.query('cut')).toBe(100)
    await remote.close()
    await served.close()
  })
})

describe('a client finds a server', () => {
  it('that of the leader, and that of the next one when it leads', async () => {
    const served = await serveNodes(['a', 'b', 'c'])
    const remote = await open(served.addresses)
    const first = await served.leader()
    await until(remote, () => remote.status().address === first.address)
    const next = served.nodes.find(({ id }) => id !== first.id)
    if (next === undefined) throw new Error('There are three.')
    const told: unknown[] = []
    const events = remote.events()
    await first.replica.transferLeadership(next.id)
    for await (const event of events) {
      told.push(event)
      if (remote.status().address === next.address) break
    }
    expect(told).toContainEqual({ type: 'leader-changed', leader: next.id })
    expect(told).toContainEqual({ type: 'events-lost', count: 0 })
    expect(await remote.propose({ name: 'moved', add: 1 })).toBe(1)
    await remote.close()
    await served.close()
  })

  it('a follower that alone can be reached, which hands over what is asked', async () => {
    const served = await serveNodes(['a', 'b', 'c'])
    const leader = await served.leader()
    const follower = served.nodes.find(({ id }) => id !== leader.id)
    const remote = await open([follower?.address ?? ''])
    expect(await remote.propose({ name: 'handed', add: 3 })).toBe(3)
    expect(await remote.query('handed')).toBe(3)
    expect(remote.status()).toMatchObject({ address: follower?.address, leader: leader.id })
    await remote.close()
    await served.close()
  })

  it('another one when the node that it asks is cut off from the others', async () => {
    const served = await serveNodes(['a', 'b', 'c'], { addresses: {} })
    const remote = await open(served.addresses)
    const asked = askedBy(remote, served)
    served.hub.freeze(asked.id)
    expect(await remote.propose({ name: 'cut off', add: 1 })).toBe(1)
    expect(remote.status().address).not.toBe(asked.address)
    served.hub.thaw(asked.id)
    await remote.close()
    await served.close()
  })

  it('when all were down and are back, and what waited meanwhile is made', async () => {
    const served = await serveNodes(['a'])
    const [node] = served.nodes
    if (node === undefined) throw new Error('There is one.')
    const port = await httpServer()
    const options = { server: port.server, insecure: true }
    const first = await serve(node.replica, options)
    const remote = await open([port.address])
    expect(await remote.propose({ name: 'back', add: 1 })).toBe(1)
    await first.close()
    port.end()
    port.cut()
    const waiting = remote.propose({ name: 'back', add: 1 })
    await expect(remote.query('back', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'ERR_PAXOS_TIMEOUT',
      outcome: 'unknown',
      cause: { code: 'ERR_PAXOS_CONNECTION' },
    })
    const again = await httpServer(port.port)
    const second = await serve(node.replica, { ...options, server: again.server })
    expect(await waiting).toBe(2)
    expect(remote.status().state).toBe('connected')
    await remote.close()
    await second.close()
    again.end()
    await served.close()
  })

  it('before the one that it asks has closed: nothing is lost by that', async () => {
    const served = await serveNodes(['a', 'b', 'c'], { addresses: {} })
    const remote = await open(served.addresses)
    const asked = askedBy(remote, served)
    const calls = Array.from({ length: 50 }, () => remote.propose({ name: 'left', add: 1 }))
    await asked.server.close()
    expect(new Set(await Promise.all(calls)).size).toBe(50)
    expect(await remote.query('left')).toBe(50)
    expect(remote.status().address).not.toBe(asked.address)
    await remote.close()
    await served.close()
  })
})
