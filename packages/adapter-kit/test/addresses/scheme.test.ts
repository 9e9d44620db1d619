/** Which addresses are those of a scheme, and what they say. */
import { describe, expect, it } from 'vitest'
import { TransportError } from '@paxos/core'
import { addressScheme } from '@paxos/adapter-kit/addresses'

const ws = addressScheme('WebSocket', 'ws', 'wss')
const udp = addressScheme('UDP', 'udp')

describe('an address', () => {
  it.each([
    ['ws://10.0.0.1:7000', false, '10.0.0.1', 7000],
    ['ws://0.0.0.0:0', false, '0.0.0.0', 0],
    ['wss://127.0.0.1:0', true, '127.0.0.1', 0],
    ['wss://node-1.example.org:65535', true, 'node-1.example.org', 65_535],
    ['ws://my_service:80', false, 'my_service', 80],
    ['wss://host:443', true, 'host', 443],
    ['ws://Host:1', false, 'Host', 1],
    ['ws://localhost:1', false, 'localhost', 1],
    ['ws://[::1]:7000', false, '::1', 7000],
    ['wss://[::]:0', true, '::', 0],
    ['ws://[::ffff:10.0.0.1]:7000', false, '::ffff:10.0.0.1', 7000],
  ])(
    '%s has a kind, a host and a port, and is written as it was read',
    (address, isSecure, host, port) => {
      expect(ws.parse(address)).toEqual({ isSecure, host, port })
      expect(ws.require(address)).toEqual({ isSecure, host, port })
      expect(ws.format({ isSecure, host, port })).toBe(address)
    },
  )

  it('has its scheme in any case', () => {
    expect(ws.parse('WSS://host:1')).toEqual({ isSecure: true, host: 'host', port: 1 })
  })

  it.each([
    '',
    'ws:',
    'ws://',
    'ws://host',
    'ws://host:',
    'ws://:7000',
    'ws://host:65536',
    'ws://host:-1',
    'ws://host:7000/',
    'ws://host:7000/path',
    'ws://host:7000?x',
    'ws://host:7000#x',
    'ws://user@host:7000',
    'ws://ho st:7000',
    ' ws://host:7000',
    'ws://host:7000\n',
    'ws://256.0.0.1:7000',
    'ws://10.0.0:7000',
    'ws://010.0.0.1:7000',
    'ws://0x7f.1:7000',
    'ws://node.1:7000',
    'ws://::1:7000',
    'ws://[::1:7000',
    'ws://[::1%lo]:7000',
    'ws://[nonsense]:7000',
    'ws://[10.0.0.1]:7000',
    'ws://[:::]:7000',
    'wsss://host:7000',
    'http://host:7000',
    'udp://host:7000',
    'host:7000',
  ])('%j is malformed, and the error says how to write one', (address) => {
    expect(ws.parse(address)).toBeNull()
    const attempt = (): unknown => ws.require(address)
    expect(attempt).toThrow(TransportError)
    expect(attempt).toThrow(/is no WebSocket address\. Write ws:\/\/host:port or wss:\/\/host:port/)
  })
})

describe('a scheme without TLS', () => {
  it('knows its own addresses, and no other', () => {
    expect(udp.parse('udp://host:1')).toEqual({ isSecure: false, host: 'host', port: 1 })
    for (const address of ['udps://host:1', 'ws://host:1', 'null://host:1']) {
      expect(udp.parse(address)).toBeNull()
    }
    expect(() => udp.require('host:1')).toThrow(/Write udp:\/\/host:port, and/)
  })
})

describe('a URL', () => {
  it.each([
    ['ws:', false],
    ['WSS:anything', true],
    ['wss://10.0.0.1:7000/?x', true],
  ])('%s says by its scheme alone whether there is TLS', (url, isSecure) => {
    expect(ws.isSecureUrl(url)).toBe(isSecure)
  })

  it.each(['udp://host:1', 'wsx:', 'ws', ''])('%j is of another adapter', (url) => {
    expect(() => ws.isSecureUrl(url)).toThrow(/no WebSocket address\. Write ws: or wss: in front/)
  })
})
