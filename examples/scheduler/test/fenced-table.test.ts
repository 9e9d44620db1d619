import { join } from 'node:path'
import { onTestFinished, describe, expect, it } from 'vitest'
import { FencedTable, lateWrites } from '../src/fenced-table.ts'
import type { FencedTableOptions } from '../src/fenced-table.ts'
import { emptyDirectory } from './directory.ts'

const first = { dueMs: 1000, token: 7, author: 'a' }
const second = { dueMs: 1000, token: 9, author: 'b' }

function open(path: string, options?: FencedTableOptions): FencedTable {
  const table = new FencedTable(path, options)
  onTestFinished(() => table.close())
  return table
}

describe('the fenced table', () => {
  it('refuses a token below the highest that any process has written with, and keeps what stands', async () => {
    const path = join(await emptyDirectory(), 'reports.db')
    const [a, b] = [open(path), open(path)]
    expect(b.write(second)).toEqual({ type: 'accepted' })
    expect(a.write(first)).toEqual({ type: 'refused', highestToken: 9 })
    expect(a.reports()).toEqual([second])
    expect(a.history()).toEqual([second])
  })

  it('takes the highest token again, for one holder writes more than once', async () => {
    const table = open(join(await emptyDirectory(), 'reports.db'))
    expect(table.write(second)).toEqual({ type: 'accepted' })
    expect(table.write({ ...second, dueMs: 2000 })).toEqual({ type: 'accepted' })
    expect(lateWrites(table.history())).toEqual([])
  })

  it('remembers the highest token when it is opened again', async () => {
    const path = join(await emptyDirectory(), 'reports.db')
    const before = new FencedTable(path)
    before.write(second)
    before.close()
    expect(open(path).write(first)).toEqual({ type: 'refused', highestToken: 9 })
  })

  it('with the check off takes a lower token, which its history tells', async () => {
    const table = open(join(await emptyDirectory(), 'reports.db'), { checksToken: false })
    table.write(second)
    expect(table.write(first)).toEqual({ type: 'accepted' })
    expect(table.reports()).toEqual([first])
    expect(lateWrites(table.history())).toEqual([first])
  })
})
