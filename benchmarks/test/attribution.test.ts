/** Whose time a sample is. */
import type { Profiler } from 'node:inspector'
import { expect, it } from 'vitest'
import { sharesOf } from '../src/attribution.ts'

/** A function, what it took by itself, and what it called. */
type Tree = readonly [file: string, name: string, took: number, ...called: Tree[]]

function profileOf(...roots: readonly Tree[]): Profiler.Profile {
  const nodes: Profiler.ProfileNode[] = []
  const samples: number[] = []
  const timeDeltas: number[] = []
  function add([url, functionName, took, ...called]: Tree): number {
    const id = nodes.length + 1
    const callFrame = { url, functionName, scriptId: '1', lineNumber: 1, columnNumber: 1 }
    const children: number[] = []
    nodes.push({ id, callFrame, children })
    samples.push(id)
    timeDeltas.push(took)
    children.push(...called.map(add))
    return id
  }
  add(['', '(root)', 0, ...roots])
  return { nodes, samples, timeDeltas, startTime: 0, endTime: 1 }
}

const of = (path: string): string => `file:///anywhere/packages/${path}`
const host = of('replica/dist/host.js')

it('time is charged to the innermost part, and what Node does to who asked for it', () => {
  const shares = sharesOf(
    profileOf(
      ['', '(idle)', 900],
      [
        'node:dgram',
        'onMessage',
        10,
        [
          host,
          '#receive',
          10,
          ['node:internal/fs/promises', 'stat', 10],
          [of('core/dist/wire/index.js'), 'decode', 5, [of('core/dist/wire/field.js'), 'read', 25]],
          [
            of('durability-file/dist/file.js'),
            'save',
            10,
            ['node:internal/fs/promises', 'write', 30],
          ],
        ],
      ],
    ),
  )
  expect(shares).toMatchObject({ receive: 0.1, host: 0.2, decode: 0.3, save: 0.4, send: 0 })
})

it('what nobody knows belongs to its caller, and without one to the event loop', () => {
  const shares = sharesOf(
    profileOf(
      [of('core/dist/multi/multi-paxos.js'), 'receive', 1, [of('core/dist/multi/new.js'), 'f', 2]],
      ['node:internal/process/task_queues', 'processTicksAndRejections', 1],
    ),
  )
  expect(shares).toMatchObject({ accept: 0.75, 'event loop': 0.25 })
})

it('of nothing there are no shares', () => {
  expect(sharesOf(profileOf(['', '(idle)', 5])).callers).toBe(0)
})
