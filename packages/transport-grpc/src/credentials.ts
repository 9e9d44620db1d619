/**
 * Certificates and keys, and what they are checked for. "The subject alternative names say where a
 * node is, the common name says who it is." Must never put a key or a passphrase into an error.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { checkServerIdentity, createSecureContext } from 'node:tls'
import type { SecureContext, SecureContextOptions } from 'node:tls'
import { credentials } from '@grpc/grpc-js'
import type { ChannelCredentials } from '@grpc/grpc-js'
import { InvalidArgumentError, requireOptions, TransportError } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { commonNameOf } from './identity.ts'
import { requireValid } from './validity.ts'

/** What a node shows of itself and whom it trusts, all in PEM. */
export interface TlsOptions {
  /** The authorities that sign the certificates of peers. Default: those that Node trusts. */
  readonly ca?: string | Uint8Array
  /** The certificate of this node, and those between it and the authority. */
  readonly cert: string | Uint8Array
  /** Its private key. */
  readonly key: string | Uint8Array
  /** The passphrase of the key, if it has one. */
  readonly passphrase?: string
  /**
   * Whether whoever connects must show a certificate of the authority, and each certificate must be
   * for the id of its node. Default true. When false, ids are only claimed.
   */
  readonly mutual?: boolean
}

/** Credentials that have been seen to work. */
export interface NodeCredentials {
  readonly isMutual: boolean
  /** What a server of node:tls makes its context from. */
  readonly serverContext: SecureContextOptions
  /** The context of every dial. */
  readonly clientContext: SecureContext
}

/** Throws InvalidArgumentError for options that can never work. */
export function checkTlsOptions(tls: TlsOptions): TlsOptions {
  requireOptions('tls', tls, ['ca', 'cert', 'key', 'passphrase', 'mutual'])
  const { ca, cert, key, passphrase, mutual } = tls
  for (const [name, value] of Object.entries({ cert, key, ca: ca ?? '' })) {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw new InvalidArgumentError(`tls.${name} must be PEM. Give a string or bytes.`)
    }
  }
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new InvalidArgumentError('tls.passphrase must be a string. Give one, or leave it out.')
  }
  if (mutual !== undefined && typeof mutual !== 'boolean') {
    throw new InvalidArgumentError('tls.mutual must be a boolean. Give one, or leave it out.')
  }
  return tls
}

/**
 * Throws TransportError (ERR_PAXOS_CREDENTIALS) unless there are TLS options for an address of
 * grpcs:, and none for one of grpc:.
 */
export function requireSameKind(isSecure: boolean, tls: TlsOptions | null): void {
  if (isSecure && tls === null) {
    throw credentialsError(
      'A node on grpcs: needs a certificate. Give the tls option, with cert and key.',
    )
  }
  if (!isSecure && tls !== null) {
    throw credentialsError(
      'There are TLS options, but the address is a plain one, and nothing would be encrypted. ' +
        'Listen on grpcs://host:port.',
    )
  }
}

/**
 * The credentials for a node of this id, or of any; `null` without options. Throws TransportError
 * (ERR_PAXOS_CREDENTIALS), for a certificate that has expired or is not the node's as well.
 */
export function loadCredentials(id: NodeId | null, tls: TlsOptions | null): NodeCredentials | null {
  if (tls === null) return null
  const isMutual = tls.mutual ?? true
  const contexts = load(tls)
  requireValid(tls)
  if (isMutual && id !== null) requireOwnName(id, tls.cert)
  return { isMutual, ...contexts }
}

/**
 * How to dial `peer`, which listens on `host`. `onMismatch` is called when the certificate
 * is not its own, and onCertificate with the end of one that is.
 */
export function channelCredentials(
  own: NodeCredentials | null,
  peer: NodeId,
  host: string,
  onMismatch: () => void,
  onCertificate: (validTo: string) => void,
): ChannelCredentials {
  if (own === null) return credentials.createInsecure()
  return credentials.createFromSecureContext(own.clientContext, {
    // The name that grpc-js hands in may be a stand-in: see dial.ts.
    checkServerIdentity(_, certificate) {
      const mismatch =
        checkServerIdentity(host, certificate) ??
        (own.isMutual && commonNameOf(certificate.subject) !== peer
          ? new Error('The certificate is not that of the peer.')
          : undefined)
      if (mismatch !== undefined) onMismatch()
      else onCertificate(certificate.valid_to)
      return mismatch
    },
  })
}

function load({ ca, cert, key, passphrase }: TlsOptions): Omit<NodeCredentials, 'isMutual'> {
  const secrets = { key: toPem(key), ...(passphrase !== undefined && { passphrase }) }
  const options: SecureContextOptions = { ...secrets, cert: toPem(cert) }
  if (ca !== undefined) options.ca = toPem(ca)
  try {
    // node:tls does without what it finds empty, and ignores an authority that it cannot read.
    if (ca !== undefined) readCertificate(ca)
    if (!readCertificate(cert).checkPrivateKey(createPrivateKey(secrets))) {
      throw new Error('The key is not the one of the certificate.')
    }
    return { serverContext: options, clientContext: createSecureContext(options) }
  } catch (cause) {
    throw credentialsError(
      'The certificate, its key or the authority cannot be used. See the cause, and whether each ' +
        'is PEM, the key is the one of the certificate, and the passphrase is right.',
      { cause },
    )
  }
}

function requireOwnName(id: NodeId, cert: string | Uint8Array): void {
  const { subject } = readCertificate(cert).toLegacyObject()
  const commonName = commonNameOf(subject)
  if (commonName === id) return
  const says = commonName === null ? 'has not exactly one common name' : `is for '${commonName}'`
  throw credentialsError(
    `The certificate ${says}, and its peers would refuse node '${id}'. Give it a certificate whose ` +
      'only common name is its id, or set tls.mutual to false on all nodes.',
  )
}

function readCertificate(pem: string | Uint8Array): X509Certificate {
  return new X509Certificate(toPem(pem))
}

function toPem(pem: string | Uint8Array): string | Buffer {
  return typeof pem === 'string' ? pem : Buffer.from(pem)
}

function credentialsError(message: string, options?: ErrorOptions): TransportError {
  return new TransportError('ERR_PAXOS_CREDENTIALS', message, options)
}
