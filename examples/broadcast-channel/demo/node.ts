/**
 * One node of the demonstration, in a thread of its own: a guest book that is replicated. It knows of
 * the others nothing but their addresses on the bus.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { memory } from '@paxos/durability-memory'
import { Replica } from '@paxos/replica'
import { broadcast } from '../src/broadcast.ts'
import type { NodeSettings, Order } from './orders.ts'

const settings: NodeSettings = workerData
let book: readonly string[] = []

const replica = await Replica.open({
  ...settings,
  transport: broadcast(),
  durability: memory(),
  stateMachine: {
    apply: (line: string) => (book = [...book, line]).length,
    query: (what: 'all') => (what === 'all' ? book : []),
    snapshot: () => new TextEncoder().encode(JSON.stringify(book)),
    restore: (bytes) => (book = JSON.parse(new TextDecoder().decode(bytes))),
  },
})
parentPort?.on('message', (order: Order) => void obey(order))
parentPort?.postMessage('open')

async function obey(order: Order): Promise<void> {
  switch (order.type) {
    case 'write':
      parentPort?.postMessage(await replica.propose(order.line))
      break
    case 'read':
      parentPort?.postMessage(await replica.query('all'))
      break
    case 'leader':
      parentPort?.postMessage(await leader())
      break
    case 'leave':
      await replica.close()
      parentPort?.close()
  }
}

async function leader(): Promise<string> {
  // A read waits until somebody leads.
  await replica.query('all')
  return replica.status().leader ?? settings.id
}
