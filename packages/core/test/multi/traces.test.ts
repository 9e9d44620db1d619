import { expect, it } from 'vitest'
import { LogCluster } from './cluster.ts'

const isTime = (line: string | undefined) => line === undefined || line.startsWith('---')

/** Compares the whole story with the file that a person has read line by line. */
async function expectStory(cluster: LogCluster, name: string, scenario: string): Promise<void> {
  const howToRead = `
a → b  a message of a arrives at b; a ✗ b: it is lost.
saves: what is being written; durable: it is on disk now; lost: it never will be.
`
  // A time at which nothing happens says nothing.
  const lines = cluster.trace.lines.filter(
    (line, index, all) => !isTime(line) || !isTime(all[index + 1]),
  )
  const story = `${scenario.trim()}\n${howToRead}\n${lines.join('\n')}\n`
  await expect(story).toMatchFileSnapshot(`../traces/${name}.txt`)
}

it('a log with one leader, and another after it', async () => {
  const cluster = new LogCluster({ options: { election: 'external' } })
  cluster.input('a', 'is told to lead', (engine) => engine.lead())
  cluster.runUntil(() => cluster.engine('a').room.values > 0)
  cluster.runUntil(() => cluster.safety.chosenThrough === 1)
  cluster.propose('a', 'x')
  cluster.propose('a', 'y')
  cluster.run(15)
  cluster.read('b', 1)
  cluster.run(15)
  cluster.isolate('a')
  cluster.propose('a', 'again')
  cluster.input('c', 'is told to lead', (engine) => engine.lead())
  cluster.run(30)
  cluster.propose('c', 'z')
  cluster.run(30)
  cluster.heal()
  cluster.run(260)
  for (const id of cluster.ids)
    expect(cluster.machine(id).commands).toEqual(['x', 'y', 'z', 'again'])
  await expectStory(
    cluster,
    'log-with-two-leaders',
    `
A log with one leader, and another after it.

a prepares once, for every slot, and begins with a no-op. x and y take one round trip each, and
what is chosen is told with a heartbeat, because no other Accept will say it. b reads: a lets a
quorum confirm that it still leads, and names the slot. Then a is cut off; what it proposes now only
a holds. c takes over above what it knows to be chosen. When a is heard again, what it had proposed
alone is replaced, and not kept; its host hands the command to the new leader.
`,
  )
})
