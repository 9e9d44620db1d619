/** What can be said of credentials before anybody connects, and that no secret is told. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { InvalidArgumentError, TransportError } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { TlsOptions } from '@paxos/adapter-kit/sockets'
import { WRONG_NAME_CODE } from '../../src/sockets/problem.ts'
import {
  identityError,
  isCertificateOf,
  loadCredentials,
  requireTlsOptions,
} from '../../src/sockets/tls.ts'

const authority = await testAuthority()
const { ca } = authority
const [certA, certB, unnamed, expired] = await Promise.all([
  authority.issue({ commonName: 'a' }),
  authority.issue({ commonName: 'b' }),
  authority.issue(),
  authority.issue({ commonName: 'a', expired: true }),
])

const SECRET = 'correct horse battery staple'
const encrypted = String(
  createPrivateKey(certA.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: SECRET,
  }),
)

function errorOf(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('It did not throw an error.')
}

describe('credentials', () => {
  it('may be text or bytes, and a key may be encrypted', () => {
    const { options, isMutual } = loadCredentials({ ca, ...certA }, 'a')
    expect(isMutual).toBe(true)
    expect(String(options.key)).toBe(certA.key)
    const bytes = {
      ca: Buffer.from(ca),
      cert: Buffer.from(certA.cert),
      key: Buffer.from(encrypted),
    }
    expect(loadCredentials({ ...bytes, passphrase: SECRET }, 'a').isMutual).toBe(true)
  })

  it('of any name do where only who listens shows one, or for any node', () => {
    expect(loadCredentials({ ca, ...certB, mutual: false }, 'a').isMutual).toBe(false)
    expect(loadCredentials({ ca, ...certB }, null).isMutual).toBe(true)
  })

  it.each<[string, RegExp, TlsOptions]>([
    ['a key of another certificate', /Give PEM that does/, { ca, ...certA, key: certB.key }],
    ['no certificate', /Give PEM that does/, { ca, ...certA, cert: 'nonsense' }],
    ['an empty certificate', /Give PEM that does/, { ca, ...certA, cert: '' }],
    ['no key', /Give PEM that does/, { ca, ...certA, key: `nonsense ${SECRET}` }],
    ['an empty key', /Give PEM that does/, { ca, ...certA, key: '' }],
    ['an authority that is none', /Give PEM that does/, { ...certA, ca: 'nonsense' }],
    ['an encrypted key and no passphrase', /the passphrase of/, { ca, ...certA, key: encrypted }],
    [
      'a wrong passphrase',
      /the passphrase of/,
      { ca, ...certA, key: encrypted, passphrase: `not ${SECRET}` },
    ],
    ['a certificate of another node', /is for 'b'.*Give it a certificate/, { ca, ...certB }],
    ['a certificate of nobody', /no single common name.*Give it a/, { ca, ...unnamed }],
    ['a certificate that has expired', /expired on .*Renew it/, { ca, ...expired }],
  ])('with %s are refused, without a word of the secrets', (_, message, tls) => {
    const error = errorOf(() => loadCredentials(tls, 'a'))
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ code: 'ERR_PAXOS_CREDENTIALS' })
    expect(error.message).toMatch(message)
    const said = inspect(error, { depth: Infinity, showHidden: true })
    const keys = [certA.key, certB.key, encrypted, unnamed.key, expired.key]
    const secrets = [SECRET, ...keys.flatMap((key) => key.split('\n'))]
    for (const secret of secrets.filter((line) => line.length > 8 && !line.startsWith('--'))) {
      expect(said).not.toContain(secret)
    }
  })

  it.each<[string, unknown]>([
    ['tls.cert', { ...certA, cert: 4711 }],
    ['tls.cert', { key: certA.key }],
    ['tls.key', { ...certA, key: [4711] }],
    ['tls.key', { cert: certA.cert }],
    ['tls.ca', { ...certA, ca: 4711 }],
    ['tls.passphrase', { ...certA, passphrase: 4711 }],
    ['tls.mutual', { ...certA, mutual: 4711 }],
    ['tls', null],
    ['tls', './certificate.pem'],
    ["'certs' of tls", { cert: '', key: '', certs: '' }],
  ])('with a wrong %s can never work, and the error does not repeat it', (name, tls) => {
    // From a configuration file, or from JavaScript.
    const attempt = vi.fn(() => Reflect.apply(requireTlsOptions, null, [tls]))
    expect(attempt).toThrow(InvalidArgumentError)
    const [result] = attempt.mock.results
    expect(String(result?.value)).toContain(name)
    expect(inspect(result?.value)).not.toContain('4711')
  })
})

describe('a certificate', () => {
  // Signed by itself, with the subject CN=a, CN=b; its key is gone: it serves to be read only.
  const two = new X509Certificate(`-----BEGIN CERTIFICATE-----
MIIBiDCCAS2gAwIBAgIUQZaZ1fWIGCM+4d1FfGbJPSBIZuswCgYIKoZIzj0EAwIw
GDEKMAgGA1UEAwwBYTEKMAgGA1UEAwwBYjAgFw0yNjExMjQyMzI3MDRaGA8yMTI2
MTAzMTIzMjcwNFowGDEKMAgGA1UEAwwBYTEKMAgGA1UEAwwBYjBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABIJni8VOkyWmaCeJwNbpl6TgLQ/SsF9oY2LV58ntu65I
nwRESQ62OqbRGR7aofSMhl7AG9X8joJkh4YXtGWbM3ejUzBRMB0GA1UdDgQWBBQp
nK56gbAXRT1yISznEOpCj1u4zzAfBgNVHSMEGDAWgBQpnK56gbAXRT1yISznEOpC
j1u4zzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQC2Wa0wusDr
cH/yVk8qcvYukYhTAngwQQimcG9D9kB1+AIhAIN+GvWkHnplmB3huSPmE4te6K1E
Gk5cv7IQQjD+tMrV
-----END CERTIFICATE-----`)
  const ofA = new X509Certificate(certA.cert).toLegacyObject()

  it('with several common names is nobody’s', () => {
    expect(two.subject.replaceAll('\n', ' ')).toBe('CN=a CN=b')
    for (const id of ['a', 'b', 'a,b', 'CN=a\nCN=b']) {
      expect(isCertificateOf(two.toLegacyObject(), id)).toBe(false)
    }
  })

  it('is that of its common name, exactly', () => {
    expect(isCertificateOf(ofA, 'a')).toBe(true)
    for (const id of ['', 'A', 'a ', 'a\0', 'b']) expect(isCertificateOf(ofA, id)).toBe(false)
  })

  it('without a common name is nobody’s', () => {
    const legacy = new X509Certificate(unnamed.cert).toLegacyObject()
    for (const id of ['', 'a']) expect(isCertificateOf(legacy, id)).toBe(false)
  })

  it('is right for its host and its node only, or for its host where ids are claimed', () => {
    const mutual = loadCredentials({ ca, ...certB }, 'b')
    expect(identityError(mutual, '127.0.0.1', 'a', ofA)).toBeUndefined()
    expect(identityError(mutual, 'elsewhere.example', 'a', ofA)).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    expect(identityError(mutual, '127.0.0.1', 'c', ofA)).toMatchObject({ code: WRONG_NAME_CODE })
    const claimed = { ...mutual, isMutual: false }
    expect(identityError(claimed, '127.0.0.1', 'c', ofA)).toBeUndefined()
    expect(identityError(claimed, 'elsewhere.example', 'c', ofA)).toBeDefined()
  })
})
