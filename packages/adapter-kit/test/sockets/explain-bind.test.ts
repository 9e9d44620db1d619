/** What an error of the system means to who wanted to listen. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { explainBind } from '@paxos/adapter-kit/sockets'
import { TransportError } from '@paxos/core'

describe('an error of the system, where one wanted to listen,', () => {
  it.each([
    ['EADDRINUSE', 'ERR_PAXOS_ADDRESS_IN_USE', /is taken\. Stop who has it/],
    ['EACCES', 'ERR_PAXOS_ADDRESS_UNAVAILABLE', /a port from 1024 on, or a directory/],
    ['EPERM', 'ERR_PAXOS_ADDRESS_UNAVAILABLE', /a port from 1024 on, or a directory/],
    ['ENOENT', 'ERR_PAXOS_ADDRESS_UNAVAILABLE', /directory is not there/],
    ['ENOTDIR', 'ERR_PAXOS_ADDRESS_UNAVAILABLE', /directory is not there/],
    ['EROFS', 'ERR_PAXOS_ADDRESS_UNAVAILABLE', /is read-only/],
    ['EADDRNOTAVAIL', 'ERR_PAXOS_ADDRESS_UNAVAILABLE', /Take an address of this machine/],
    ['EMFILE', 'ERR_PAXOS_TRANSPORT_FAILED', /Read the cause/],
  ])('%s is %s, says the way out, and is the cause', (code, expected, message) => {
    const cause = Object.assign(new Error('of the system'), { code })
    const error = explainBind(cause, 'an address')
    expect(error).toMatchObject({ code: expected, cause })
    expect(error.message).toMatch(message)
    expect(error.message).toContain('Cannot listen on an address: ')
  })

  it('that was explained is left as it is', () => {
    const error = new TransportError('ERR_PAXOS_ADDRESS_MALFORMED', 'Write another.')
    expect(explainBind(error, 'an address')).toBe(error)
  })

  it.runIf(process.platform !== 'win32').each(['missing/socket', 'file/socket'])(
    'comes of a socket at %s: the error says what is wrong with its directory',
    async (path) => {
      const directory = mkdtempSync(join(tmpdir(), 'paxos-bind-'))
      onTestFinished(() => rmSync(directory, { recursive: true }))
      writeFileSync(join(directory, 'file'), '')
      const [error] = await once(createServer().listen(join(directory, path)), 'error')
      expect(explainBind(error, path)).toMatchObject({
        code: 'ERR_PAXOS_ADDRESS_UNAVAILABLE',
        message: expect.stringMatching(/directory/),
      })
    },
  )
})
