/** Which addresses are UDP addresses, and what they say. */
import { describe, expect, it } from 'vitest'
import { addresses } from '../src/address.ts'

describe('an address', () => {
  it.each([
    ['udp://10.0.0.1:7000', '10.0.0.1', 7000],
    ['udp://0.0.0.0:0', '0.0.0.0', 0],
    ['udp://node-1.example.org:65535', 'node-1.example.org', 65_535],
    ['udp://my_service:1', 'my_service', 1],
    ['udp://[::1]:7000', '::1', 7000],
    ['udp://[::]:0', '::', 0],
    ['udp://[::ffff:10.0.0.1]:7000', '::ffff:10.0.0.1', 7000],
  ])('%s has a host and a port, and is written as it was read', (address, host, port) => {
    const parsed = { isSecure: false, host, port }
    expect(addresses.parse(address)).toEqual(parsed)
    expect(addresses.format(parsed)).toBe(address)
  })

  it.each([
    '',
    'udp:',
    'udp://',
    'udp://host',
    'udp://host:',
    'udp://:7000',
    'udp://host:65536',
    'udp://host:-1',
    'udp://host:7000/',
    'udp://host:7000?x',
    'udp://user@host:7000',
    'udp://ho st:7000',
    ' udp://host:7000',
    'udp://host:7000\n',
    'udp://256.0.0.1:7000',
    'udp://10.0.0:7000',
    'udp://::1:7000',
    'udp://[::1:7000',
    'udp://[10.0.0.1]:7000',
    'udp://[:::]:7000',
    'ws://host:7000',
    'host:7000',
  ])('%j is malformed, and the error says how to write one', (address) => {
    expect(addresses.parse(address)).toBeNull()
    expect(() => addresses.require(address)).toThrow(/Write udp:\/\/host:port/)
  })
})
