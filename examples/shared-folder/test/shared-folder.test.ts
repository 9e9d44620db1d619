import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { NodeId, TransportWarning } from '@paxos/core'
import { sharedFolder } from '../src/shared-folder.ts'
import { mailboxIn, newFolder } from './folder.ts'

const folder = newFolder()

it('what came before, drafts, and letters that are none of ours are not delivered', async () => {
  const box = join(folder, 'b')
  mkdirSync(box)
  writeFileSync(join(box, 'old.letter'), 'of an earlier life')
  const b = await openNode('b')
  expect(readdirSync(box).filter((name) => name.endsWith('.letter'))).toEqual([])
  writeFileSync(join(box, 'half.draft'), 'not yet')
  writeFileSync(join(box, 'nonsense.letter'), 'Dear b')
  const a = await openNode('a')
  a.transport.send('b', Uint8Array.of(1))
  expect(await b.next).toEqual(['a', Uint8Array.of(1)])
  expect(readdirSync(box)).toContain('half.draft')
})

it('a mailbox that nobody empties is filled to a bound, and it is told', async () => {
  const gone = join(folder, 'gone')
  mkdirSync(gone)
  for (let count = 0; count <= 256; count += 1) writeFileSync(join(gone, `${count}.letter`), '')
  const c = await openNode('c', 'gone')
  c.transport.send('gone', Uint8Array.of(1))
  expect((await c.warned).message).toMatch(/full/)
  expect(readdirSync(gone)).toHaveLength(257)
})

it('a mailbox that was removed while its node runs is found again when it is there', async () => {
  const d = await openNode('d', 'e')
  const e = await openNode('e', 'd')
  rmSync(join(folder, 'e'), { recursive: true })
  mkdirSync(join(folder, 'e'))
  d.transport.send('e', Uint8Array.of(1))
  expect(await e.next).toEqual(['d', Uint8Array.of(1)])
})

interface Opened {
  readonly transport: ReturnType<typeof sharedFolder>
  readonly next: Promise<readonly [NodeId, Uint8Array]>
  readonly warned: Promise<TransportWarning>
}

async function openNode(id: NodeId, peer = id === 'a' ? 'b' : 'a'): Promise<Opened> {
  const transport = sharedFolder()
  onTestFinished(() => transport.close())
  let arrive: (entry: readonly [NodeId, Uint8Array]) => void
  let tell: (warning: TransportWarning) => void
  const next = new Promise<readonly [NodeId, Uint8Array]>((resolve) => (arrive = resolve))
  const warned = new Promise<TransportWarning>((resolve) => (tell = resolve))
  await transport.open({
    id,
    listen: mailboxIn(folder, id),
    peers: new Map([[peer, mailboxIn(folder, peer)]]),
    receive: (from, frame) => arrive([from, frame]),
    warn: (warning) => tell(warning),
  })
  return { transport, next, warned }
}
