import { describe, expect, it } from 'vitest'
import { verify } from '../src/verify.ts'
import { serving } from './serving.ts'

const acknowledged = new Map([
  ['a', '1'],
  ['b', '2'],
])
const never = new AbortController().signal

/** Three nodes, each with these values of a, b, … in slots 1, 2, … */
async function nodes(...contents: readonly (readonly string[])[]): Promise<string[]> {
  return await Promise.all(
    contents.map(async (values) => {
      const { url, store } = await serving()
      for (const [index, value] of values.entries()) {
        store.apply({ type: 'put', key: 'abc'.charAt(index), value }, index + 1)
      }
      return url
    }),
  )
}

describe('the demonstration does not praise itself without a reason', () => {
  it('three nodes that hold the same, and everything acknowledged, pass', async () => {
    const urls = await nodes(['1', '2', 'x'], ['1', '2', 'x'], ['1', '2', 'x'])
    const options = { urls, acknowledged, throughRevision: 2, signal: never }
    expect(await verify(options)).toMatchObject({ count: 3, through: 3 })
  })

  it('a node that differs at the same place is found', async () => {
    const urls = await nodes(['1', '2'], ['1', '3'], ['1', '2'])
    const verdict = verify({ urls, acknowledged, throughRevision: 2, signal: never })
    await expect(verdict).rejects.toThrow(/^The nodes differ at revision 2: /)
  })

  it.each([
    ['is missing', ['1']],
    ['is another one', ['1', 'other']],
  ])('an acknowledged write that %s on all of them is found', async (_, values) => {
    const urls = await nodes(values, values, values)
    const verdict = verify({ urls, acknowledged, throughRevision: 1, signal: never })
    await expect(verdict).rejects.toThrow(/has lost 1 of 2 acknowledged writes, b first/)
  })

  it('nodes that have not come far enough are waited for', async () => {
    const { url, store, solo } = await serving()
    store.apply({ type: 'put', key: 'a', value: '1' }, 1)
    let asked = 0
    solo.before = () => {
      asked += 1
      if (asked === 3) store.apply({ type: 'put', key: 'b', value: '2' }, 2)
      return Promise.resolve()
    }
    expect(
      await verify({ urls: [url], acknowledged, throughRevision: 2, signal: never }),
    ).toMatchObject({ through: 2 })
  })

  it('nodes that never come far enough are not waited for once the signal aborts', async () => {
    const urls = await nodes(['1'], ['1', '2'])
    const over = new AbortController()
    const waits = verify({ urls, acknowledged, throughRevision: 2, signal: over.signal })
    over.abort()
    await expect(waits).rejects.toMatchObject({ name: 'AbortError' })
  })
})
