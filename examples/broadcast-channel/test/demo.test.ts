import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

it('three replicas in three threads agree, and go on when the thread of the leader is killed', async () => {
  const main = fileURLToPath(new URL('../dist/demo/main.js', import.meta.url))
  const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await once(child, 'close')
  expect(child.exitCode).toBe(0)
  const [first, second] = [...output.matchAll(/Every book says (\[.*\])\./g)].map(([, book]) =>
    linesOf(book),
  )
  expect(first?.toSorted()).toEqual(['a was here', 'b was here', 'c was here'])
  const killed = /The leader, ([abc]), was killed/.exec(output)?.[1]
  const others = ['a', 'b', 'c'].filter((id) => id !== killed)
  expect(second?.slice(0, 3)).toEqual(first)
  expect(second?.slice(3).toSorted()).toEqual(others.map((id) => `${id} is still here`))
})

function linesOf(book = '[]'): unknown[] {
  const lines: unknown = JSON.parse(book)
  return Array.isArray(lines) ? lines : []
}
