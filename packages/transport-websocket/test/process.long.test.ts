import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('a process that opened, sent, closed and failed to open ends by itself', async () => {
  const flags = ['--conditions=@paxos/source', '--import', 'tsx']
  const program = fileURLToPath(new URL('exits-by-itself.ts', import.meta.url))
  const child = spawn(process.execPath, [...flags, program], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = await once(child, 'close')
  expect([code, output]).toEqual([0, 'closed\n'])
})
