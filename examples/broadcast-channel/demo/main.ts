/**
 * The demonstration: three replicas of a guest book in three threads, which reach each other by
 * BroadcastChannel alone. The thread of the leader is killed in the midst of it. Exits with 1 when
 * the books differ.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { NodeSettings, Order } from './orders.ts'

const bus = `broadcast://guest-book-${process.pid}`
const members = Object.fromEntries(['a', 'b', 'c'].map((id) => [id, `${bus}/${id}`]))

/** The threads that run, by the id of their node. */
const nodes = new Map<string, Worker>()

await Promise.all(Object.keys(members).map((id) => start({ id, members })))
say(`Three replicas run, each in a thread of its own, and meet on ${bus}.`)

await everybody((id) => ({ type: 'write', line: `${id} was here` }))
say(`All three wrote at once. ${await compare()}`)

const leader = String(await ask('a', { type: 'leader' }))
await nodes.get(leader)?.terminate()
nodes.delete(leader)
say(`The leader, ${leader}, was killed. It said nothing to anybody.`)

await everybody((id) => ({ type: 'write', line: `${id} is still here` }))
say(`The others went on. ${await compare()}`)

for (const node of nodes.values()) node.postMessage({ type: 'leave' } satisfies Order)

async function start(settings: NodeSettings): Promise<void> {
  const node = new Worker(new URL('./node.js', import.meta.url), { workerData: settings })
  nodes.set(settings.id, node)
  await once(node, 'message')
}

/** What a node answers. It is asked one thing at a time. */
async function ask(id: string, order: Order): Promise<unknown> {
  const node = nodes.get(id)
  if (node === undefined) throw new Error(`There is no node ${id}.`)
  const answered = once(node, 'message')
  node.postMessage(order)
  const [answer]: unknown[] = await answered
  return answer
}

/** What each node answers, asked at the same time. */
async function everybody(order: (id: string) => Order): Promise<readonly unknown[]> {
  return Promise.all(Array.from(nodes.keys(), (id) => ask(id, order(id))))
}

/** What all books say, if they say the same. */
async function compare(): Promise<string> {
  const books = (await everybody(() => ({ type: 'read' }))).map((book) => JSON.stringify(book))
  const isSame = books.every((book) => book === books[0])
  if (!isSame) process.exitCode = 1
  return isSame ? `Every book says ${books[0]}.` : `The books differ: ${books.join(' and ')}.`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
