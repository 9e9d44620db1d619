import { majority } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { LogCluster } from './cluster.ts'

describe('a cluster without faults', () => {
  it('elects a leader, and every node applies every command in the same order', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const commands = Array.from({ length: 20 }, () => cluster.propose(leader))
    cluster.run(1000)
    expect(cluster.isQuiet).toBe(true)
    for (const id of cluster.ids) expect(cluster.machine(id).commands).toEqual(commands)
  })

  it('commands that are proposed at any node are chosen, though one only leads', () => {
    const cluster = new LogCluster()
    cluster.runUntilLed()
    const commands = cluster.ids.flatMap((id) => [cluster.propose(id), cluster.propose(id)])
    cluster.runUntil(() => cluster.isQuiet)
    for (const id of cluster.ids) {
      expect(cluster.machine(id).commands.toSorted()).toEqual(commands.toSorted())
    }
  })

  it('a node that does not vote follows and learns, and never leads', () => {
    const voters = ['a', 'b', 'c']
    const cluster = new LogCluster({ ids: [...voters, 'learner'], quorums: majority(voters) })
    const leader = cluster.runUntilLed()
    cluster.cut(leader, 'learner')
    const commands = Array.from({ length: 5 }, () => cluster.propose(leader))
    cluster.run(3000)
    cluster.heal()
    cluster.runUntil(() => cluster.isQuiet)
    expect(cluster.machine('learner').commands).toEqual(commands)
    cluster.input('learner', 'is told to lead', (engine) => engine.lead())
    const { ballot } = cluster.engine(leader)
    if (ballot === null) throw new Error('nobody leads')
    cluster.inject(leader, 'learner', { type: 'handOver', ballot })
    for (const id of voters) if (id !== leader) cluster.crash(id)
    cluster.run(5000)
    expect(cluster.leaders).toEqual([])
    expect(cluster.engine('learner').promised?.node).toBe(leader)
  })

  it('the answers of a node that does not vote make nothing chosen', () => {
    const voters = ['a', 'b', 'c']
    const cluster = new LogCluster({ ids: [...voters, 'learner'], quorums: majority(voters) })
    const leader = cluster.runUntilLed()
    cluster.run(100)
    const before = cluster.engine(leader).chosenThrough
    for (const id of voters) if (id !== leader) cluster.crash(id)
    cluster.propose(leader)
    cluster.run(500)
    expect(cluster.disk('learner').saved.accepted.at(-1)?.slot).toBe(before + 1)
    expect(cluster.engine(leader).chosenThrough).toBe(before)
  })

  it('goes on through heavy weather: loss, duplicates and reordering', () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const cluster = new LogCluster({ seed, latencyMs: [1, 60], saveMs: [0, 20] })
      cluster.loss = 0.2
      cluster.duplication = 0.2
      cluster.runUntilLed()
      for (let round = 0; round < 20; round += 1) {
        for (const id of cluster.ids) cluster.propose(id)
        cluster.run(100)
      }
      cluster.runUntil(() => cluster.isQuiet, 60_000)
      expect(cluster.machine('a').commands).toHaveLength(60)
    }
  })
})
