/** Addresses: what is one, and that nothing is guessed. */
import { describe, expect, it } from 'vitest'
import { TransportError } from '@paxos/core'
import { formatAddress, parseAddress, requireAddress } from '../src/address.ts'

describe('an address', () => {
  it.each([
    ['grpc://127.0.0.1:7000', { isSecure: false, host: '127.0.0.1', port: 7000 }],
    ['grpcs://127.0.0.1:0', { isSecure: true, host: '127.0.0.1', port: 0 }],
    ['GRPCS://node-1.example:65535', { isSecure: true, host: 'node-1.example', port: 65_535 }],
    ['grpc://[::1]:7000', { isSecure: false, host: '::1', port: 7000 }],
    ['grpc://localhost:1', { isSecure: false, host: 'localhost', port: 1 }],
  ])('%s has its parts', (address, parts) => {
    expect(parseAddress(address)).toEqual(parts)
  })

  it.each([
    '',
    'grpc:',
    'grpc://',
    'grpc://a',
    'grpc://:7000',
    'grpc://a:',
    'grpc://a:65536',
    'grpc://a:-1',
    'grpc://a:7000/',
    'grpc://a:7000/path',
    'grpc://a:7000?query',
    'grpc://user@a:7000',
    ' grpc://a:7000',
    'grpc://a:7000\n',
    'grpc://1.2.3:7000',
    'grpc://256.0.0.1:7000',
    'grpc://::1:7000',
    'grpc://[::1%lo]:7000',
    'grpc://[nonsense]:7000',
    'grpc://[127.0.0.1]:7000',
    'grpcx://a:7000',
    'http://a:7000',
    'a:7000',
  ])('%j is none', (address) => {
    expect(parseAddress(address)).toBeNull()
    const attempt = (): unknown => requireAddress(address)
    expect(attempt).toThrow(TransportError)
    expect(attempt).toThrow(/Write grpc:\/\/host:port or grpcs:\/\/host:port/)
  })

  it.each(['grpc://127.0.0.1:7000', 'grpcs://[::1]:7000', 'grpcs://name:1'])(
    '%s is written as it is read',
    (address) => {
      expect(formatAddress(requireAddress(address))).toBe(address)
    },
  )
})
