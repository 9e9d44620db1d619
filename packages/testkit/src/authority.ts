/**
 * Certificates for tests of transports that use TLS: an authority, and what it signs. Each is new,
 * and gone with the process. Must never be used outside tests: the authority keeps nothing safe.
 */
// oxlint-disable-next-line import/no-unassigned-import -- x509 must find it loaded
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { JsonGeneralNames, X509Certificate } from '@peculiar/x509'

/** A certificate and its key, in PEM, as node:tls takes them. */
export interface TestCertificate {
  readonly cert: string
  readonly key: string
}

/** What a certificate says. */
export interface CertificateSubject {
  /** The subject's common name. Default: none. */
  readonly commonName?: string
  /** The host names and IP addresses in its subject alternative names. Default: 127.0.0.1, ::1 and localhost. */
  readonly hosts?: readonly string[]
  /** Whether it ended a day ago. Default: it ends in a day. */
  readonly expired?: boolean
  /** How long it lasts from now on, in milliseconds; certificates know whole seconds. Default: a day. */
  readonly lastsMs?: number
}

/** An authority that a test makes up. */
export interface TestAuthority {
  /** Its own certificate, in PEM: what a node trusts. */
  readonly ca: string
  issue(subject?: CertificateSubject): Promise<TestCertificate>
}

const DAY_MS = 24 * 60 * 60 * 1000
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const LOCAL_HOSTS = ['127.0.0.1', '::1', 'localhost']

/** A new authority, which nobody trusts yet. */
export async function testAuthority(): Promise<TestAuthority> {
  const keys = await newKeys()
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...validity(DAY_MS),
    name: [{ CN: ['Test authority'] }],
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    ca: authority.toString('pem'),
    issue: (subject = {}) => issue(authority, keys, subject),
  }
}

async function issue(
  authority: X509Certificate,
  { privateKey, publicKey }: webcrypto.CryptoKeyPair,
  { commonName, hosts = LOCAL_HOSTS, expired = false, lastsMs = DAY_MS }: CertificateSubject,
): Promise<TestCertificate> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.create({
    ...validity(expired ? -DAY_MS : lastsMs),
    issuer: authority.subjectName,
    subject: commonName === undefined ? [] : [{ CN: [commonName] }],
    publicKey: keys.publicKey,
    signingKey: privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new SubjectAlternativeNameExtension(hosts.map(generalName), commonName === undefined),
      await AuthorityKeyIdentifierExtension.create(publicKey),
    ],
  })
  return { cert: certificate.toString('pem'), key: await privateKeyPem(keys.privateKey) }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

function validity(lastsMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const end = Date.now() + lastsMs
  return { notBefore: new Date(end - 2 * DAY_MS), notAfter: new Date(end) }
}

function generalName(host: string): JsonGeneralNames[number] {
  return { type: /^[\d.]+$|:/.test(host) ? 'ip' : 'dns', value: host }
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const body = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64')
  const lines = body.match(/.{1,64}/g) ?? []
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n')
}
