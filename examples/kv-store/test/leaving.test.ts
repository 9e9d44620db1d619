/** A server that is to end: everybody who has come gets an answer, and nobody a reset. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { serving } from './serving.ts'

const GET = 'GET /keys/k HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
const FINISH_WITHIN_MS = 60_000

function dial(url: string): Socket {
  const socket = connect({
    port: Number(new URL(url).port),
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  onTestFinished(() => void socket.destroy())
  return socket
}

/** All that comes until the server has closed its side. Rejects when it is reset. */
async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(socket, 'end')
  return text
}

it('who has connected, and whom the server has not taken in yet, is answered all the same', async () => {
  const limits = { lastRequestWithinMs: FINISH_WITHIN_MS }
  const { url, server } = await serving({ listen: { limits } })
  const sockets = Array.from({ length: 30 }, () => dial(url))
  // Node takes in one in a turn of its loop, and these come about in one.
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) socket.write(GET)
  const closing = server.close(FINISH_WITHIN_MS)
  const answers = await Promise.all(
    sockets.map(async (socket) => {
      const answer = await readAll(socket)
      socket.end()
      return answer
    }),
  )
  await closing
  for (const answer of answers) {
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer).toMatch(/\r\nconnection: close\r\n/i)
  }
})

it('a request that meets the end of its idle connection is answered, and nothing of it is done', async () => {
  const { url, server, solo } = await serving({ listen: { limits: { lastRequestWithinMs: 0 } } })
  const socket = dial(url)
  await once(socket, 'connect')
  socket.write(GET)
  await once(socket, 'data')
  const closing = server.close(FINISH_WITHIN_MS)
  const { length } = solo.waits
  expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 503 .*\r\nConnection: close\r\n/)
  // It was on its way when the answer was.
  socket.write(GET.replace('GET', 'DELETE'))
  socket.end()
  await Promise.all([closing, once(socket, 'close')])
  expect(solo.waits).toHaveLength(length)
})
