/**
 * The five minutes of packages/coordination/README.md: its program in three processes, and the death of the
 * one that holds the lock. Runs on what was built, as a user's would.
 */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { read, ROOT } from '../checks/repository.ts'
import { snippetsOf } from '../checks/snippet.ts'

const README = 'packages/coordination/README.md'

/** What is still to be ended, and taken away. */
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each()
})

/** The program, with ports that are free here. */
async function program(): Promise<string> {
  const found = snippetsOf(README, read(README)).find(({ code }) => code.includes('process.argv'))
  if (found === undefined) throw new Error('The README shows no program for three processes.')
  const sockets = [0, 0, 0].map(() => createSocket('udp4'))
  for (const socket of sockets) await once(socket.bind(0, '127.0.0.1'), 'listening')
  const ports = sockets.map((socket) => socket.address().port)
  for (const socket of sockets) await once(socket.close(), 'close')
  return found.code.replaceAll(/127\.0\.0\.1:\d+/g, () => `127.0.0.1:${ports.pop() ?? 0}`)
}

/** Where the packages are found, and nothing else is. */
function directory(): string {
  const inside = join(ROOT, 'docs/node_modules/.snippets')
  mkdirSync(inside, { recursive: true })
  const made = mkdtempSync(join(inside, 'lock-'))
  undo.push(() => rmSync(made, { recursive: true, force: true }))
  return made
}

interface Granted {
  readonly id: string
  readonly token: number
}

/** Runs one of the processes, and tells of each line that says that it has the lock. */
function start(
  cwd: string,
  id: string,
  told: ReadableStreamDefaultController<Granted>,
): () => Promise<unknown> {
  const child = spawn(process.execPath, ['three.mjs', id], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  child.once('exit', (code) => {
    if (code !== null) told.error(new Error(`The process ${id} ended with ${code}.`))
  })
  const kill = async (): Promise<unknown> => {
    child.kill('SIGKILL')
    return await ended
  }
  undo.push(kill)
  createInterface(child.stdout).on('line', (line) => {
    const token = /^. holds it, with token (\d+)$/.exec(line)?.[1]
    if (token !== undefined) told.enqueue({ id, token: Number(token) })
  })
  return kill
}

describe('the first lock of a new user', () => {
  it('survives the death of the process that holds it', async () => {
    const cwd = directory()
    writeFileSync(join(cwd, 'three.mjs'), await program())
    const kills = new Map<string, () => Promise<unknown>>()
    const granted = new ReadableStream<Granted>({
      start(told) {
        for (const id of ['a', 'b', 'c']) kills.set(id, start(cwd, id, told))
      },
    }).getReader()
    const { value: first } = await granted.read()
    if (first === undefined) throw new Error('Nobody was granted it.')
    await kills.get(first.id)?.()
    const { value: second } = await granted.read()
    expect(second?.id).not.toBe(first.id)
    expect(second?.token).toBeGreaterThan(first.token)
  })
})
