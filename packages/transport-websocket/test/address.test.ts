/** Which addresses are WebSocket addresses, and what they say. */
import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress, requireAddress } from '../src/address.ts'

describe('an address', () => {
  it.each([
    ['ws://10.0.0.1:7000', false, '10.0.0.1', 7000],
    ['ws://0.0.0.0:0', false, '0.0.0.0', 0],
    ['wss://node-1.example.org:65535', true, 'node-1.example.org', 65_535],
    ['ws://my_service:80', false, 'my_service', 80],
    ['wss://host:443', true, 'host', 443],
    ['ws://Host:1', false, 'Host', 1],
    ['ws://[::1]:7000', false, '::1', 7000],
    ['wss://[::]:0', true, '::', 0],
    ['ws://[::ffff:10.0.0.1]:7000', false, '::ffff:10.0.0.1', 7000],
  ])(
    '%s has a kind, a host and a port, and is written as it was read',
    (address, secure, host, port) => {
      expect(parseAddress(address)).toEqual({ secure, host, port })
      expect(formatAddress({ secure, host, port })).toBe(address)
    },
  )

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
    'ws://[10.0.0.1]:7000',
    'ws://[:::]:7000',
    'wsss://host:7000',
    'http://host:7000',
    'udp://host:7000',
    'host:7000',
  ])('%j is malformed, and the error says how to write one', (address) => {
    expect(parseAddress(address)).toBeNull()
    expect(() => requireAddress(address)).toThrow(/Write ws:\/\/host:port or wss:\/\/host:port/)
  })
})
