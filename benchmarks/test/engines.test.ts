/** What is measured as an engine is one: all that it is given is chosen. */
import { expect, it } from 'vitest'
import { essentialDecree, logOfThree, practicalDecree } from '../src/engines.ts'

it.each([1, 64])(
  'three engines choose all of %i values of an Accept, again and again',
  (values) => {
    const propose = logOfThree(values, 256)
    expect([propose(), propose(), propose()]).toEqual([values, values, values])
  },
)

it('and go on when their logs are cut short', () => {
  const propose = logOfThree(512, 16)
  expect(Array.from({ length: 40 }, propose)).toEqual(Array.from({ length: 40 }, () => 512))
})

it('a decree is chosen, by the classes of the paper and by the engine that hosts use', () => {
  expect([essentialDecree(), practicalDecree()]).toEqual([1, 1])
})
