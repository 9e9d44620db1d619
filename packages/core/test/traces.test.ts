import { majority, type Effects, type Saved } from '@paxos/core'
import { ExternalNode } from '@paxos/core/external'
import { HeartbeatNode } from '@paxos/core/functional'
import { Node } from '@paxos/core/practical'
import { expect, it } from 'vitest'
import { Cluster, type Engine } from './cluster.ts'

const IDS = ['a', 'b', 'c']
const ABC = majority(IDS)

const HOW_TO_READ = `
a → b  a message of a arrives at b; a ✗ b: it is lost.
saves: what is being written; durable: it is on disk now; lost: it never will be.
`

/** Compares the whole story with the file that a person has read line by line. */
async function expectStory<E extends Engine<string>>(
  cluster: Cluster<string, E>,
  name: string,
  scenario: string,
): Promise<void> {
  const story = `${scenario.trim()}\n${HOW_TO_READ}\n${cluster.trace.lines.join('\n')}\n`
  await expect(story).toMatchFileSnapshot(`traces/${name}.txt`)
}

const nodes = (): Cluster<string, Node<string>> =>
  new Cluster<string, Node<string>>({
    ids: IDS,
    quorums: ABC,
    create: (id, saved: Saved<string>) => new Node({ id, quorums: ABC, saved }),
  })

const prepare = (node: Node<string>): Effects<string> => node.prepare()

/** Carries a Prepare of `from` to `to`, and the promise back. */
function getPromise(cluster: Cluster<string, Node<string>>, from: string, to: string): void {
  cluster.deliver(cluster.find(from, to, 'prepare'))
  cluster.completeSave(to)
  cluster.deliver(cluster.find(to, from, 'promise'))
}

it('a plain run', async () => {
  const cluster = nodes()
  cluster.propose('a', 'x')
  cluster.input('a', 'prepares', prepare)
  cluster.settle()
  for (const id of IDS) expect(cluster.engine(id).chosen?.value).toBe('x')
  await expectStory(
    cluster,
    'plain-run',
    `
A plain run: a proposes x, nobody fails.

A promise, an acceptance, and a's own too, leave only when they are durable. Each node learns by
itself that x is chosen, when it has seen two of three accept it at 1.a.
`,
  )
})

it('two rival proposers', async () => {
  const cluster = nodes()
  cluster.propose('a', 'x')
  cluster.propose('c', 'y')
  cluster.input('a', 'prepares', prepare)
  cluster.input('c', 'prepares', prepare)
  cluster.completeSave('a')
  cluster.completeSave('c')
  getPromise(cluster, 'a', 'b')
  getPromise(cluster, 'c', 'b')
  cluster.settle()
  for (const id of IDS) expect(cluster.engine(id).chosen?.value).toBe('y')
  await expectStory(
    cluster,
    'two-rivals',
    `
Two rival proposers: a and c prepare at once. b promises 1.a first, and then 1.c, which is higher.

Both lead for a moment, and both ask for their value. b has promised 1.c and refuses 1.a, as c does;
with two refusals of three a knows that it does not lead any more. y is chosen.
`,
  )
})

it('a value recovered from a dead leader', async () => {
  const cluster = nodes()
  cluster.propose('a', 'x')
  cluster.input('a', 'prepares', prepare)
  cluster.completeSave('a')
  getPromise(cluster, 'a', 'b')
  cluster.lose(cluster.find('a', 'c', 'prepare'))
  cluster.lose(cluster.find('a', 'c', 'accept'))
  cluster.deliver(cluster.find('a', 'b', 'accept'))
  cluster.completeSave('b')
  cluster.lose(cluster.find('b', 'a', 'accepted'))
  cluster.lose(cluster.find('b', 'c', 'accepted'))
  cluster.crash('a')

  cluster.propose('c', 'y')
  cluster.input('c', 'prepares', prepare)
  cluster.settle()
  cluster.input('c', 'prepares', prepare)
  cluster.settle()
  for (const id of ['b', 'c']) expect(cluster.engine(id).chosen?.value).toBe('x')
  await expectStory(
    cluster,
    'recovered-value',
    `
A value recovered from a dead leader: a got x accepted by b only, and dies.

c wants y. Its first ballot, 1.c, is above 1.a, so b promises it, and reports x. c cannot know
whether a had accepted x too, and so whether x is chosen. It must propose x, and does. Leading once
more, at 2.c, it has nothing left to ask for: what is chosen stays chosen.
`,
  )
})

it('a crash between promise and accept', async () => {
  const cluster = nodes()
  cluster.propose('a', 'x')
  cluster.input('a', 'prepares', prepare)
  cluster.completeSave('a')
  getPromise(cluster, 'a', 'b')
  cluster.lose(cluster.find('a', 'c', 'prepare'))
  cluster.lose(cluster.find('a', 'c', 'accept'))
  cluster.deliver(cluster.find('a', 'b', 'accept'))
  cluster.crash('b')
  cluster.crash('a', 1)
  cluster.restart('b')
  cluster.restart('a')

  cluster.propose('a', 'y')
  cluster.input('a', 'prepares', prepare)
  cluster.completeSave('a')
  getPromise(cluster, 'a', 'b')
  cluster.settle()
  for (const id of IDS) expect(cluster.engine(id).chosen?.value).toBe('x')
  await expectStory(
    cluster,
    'crash-and-restart',
    `
A crash between promise and accept: a and b die while each of them saves that it accepts x at 1.a.

b's save is lost, so it restarts with its promise only; it had told nobody that it accepted. a's
save had reached the disk, though a never got to know. Restarted, a wants y, and prepares at 2.a,
for it has promised 1.a and must not use that again. Its own promise reports x: it proposes x.
`,
  )
})

it('a heartbeat takeover', async () => {
  // No jitter, but windows of different length, so that it is plain who will try first.
  const windows: Readonly<Record<string, number>> = { a: 1000, b: 1200, c: 1500 }
  const cluster = new Cluster<string, HeartbeatNode<string>>({
    ids: IDS,
    quorums: ABC,
    create: (id, saved) =>
      new HeartbeatNode({
        id,
        quorums: ABC,
        saved,
        random: () => 0,
        heartbeatPeriodMs: 400,
        livenessWindowMs: windows[id] ?? 1000,
      }),
  })
  cluster.advance(0)
  cluster.run(1500)
  cluster.crash('a')
  cluster.propose('c', 'x')
  cluster.run(1400)
  for (const id of ['b', 'c']) {
    expect(cluster.engine(id)).toMatchObject({ leader: 'b', chosen: { value: 'x' } })
  }
  await expectStory(
    cluster,
    'heartbeat-takeover',
    `
A heartbeat takeover: a leads, with a heartbeat every 400 ms, and dies. c hands its value, x, to the
leader that it knows, every 200 ms, in vain.

b hears nothing for its liveness window of 1200 ms and takes over; c, which would have waited for
1500 ms, hears b's Prepare and stands back. b's heartbeat makes c follow b, and hand x to b.
`,
  )
})

it('a proclamation', async () => {
  const cluster = new Cluster<string, ExternalNode<string>>({
    ids: IDS,
    quorums: ABC,
    create: (id, saved) => new ExternalNode({ id, quorums: ABC, saved }),
  })
  cluster.propose('c', 'x')
  cluster.input('a', 'is told to lead', (node) => node.takeOver())
  cluster.completeSave('a')
  cluster.deliver(cluster.find('a', 'b', 'prepare'))
  cluster.completeSave('b')
  cluster.deliver(cluster.find('b', 'a', 'promise'))
  cluster.deliver(cluster.find('a', 'c', 'proclamation'))
  cluster.deliver(cluster.find('c', 'a', 'propose'))
  cluster.crash('c')
  cluster.settle()
  cluster.input('b', 'is told to lead', (node) => node.takeOver())
  cluster.settle()
  cluster.restart('c')
  cluster.run(1000)
  for (const id of IDS) {
    expect(cluster.engine(id)).toMatchObject({ leader: 'b', chosen: { value: 'x' } })
  }
  await expectStory(
    cluster,
    'proclamation',
    `
Two proclamations: a failure detector tells a to lead, and later b. No node decides that by itself.

c hears a's proclamation and hands it x, which is chosen. c dies before it learns so. b takes over;
its ballot is above a's, so a gives up as soon as it hears the proclamation. c restarts, hears b's
next proclamation, which says that a value is chosen, asks b for it, and learns x.
`,
  )
})
