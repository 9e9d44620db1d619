/**
 * Certificates: what is shown to peers, and what is asked of them. The subject alternative names
 * say where a node is, the common name says who it is. Must never put a key or a passphrase into
 * an error.
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { checkServerIdentity, createSecureContext } from 'node:tls'
import type { ConnectionOptions, PeerCertificate, SecureContext, TLSSocket } from 'node:tls'
import { InvalidArgumentError, requireOptions, TransportError } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { WRONG_NAME_CODE } from './problem.ts'
import { requireValid } from './validity.ts'

/** What a node shows to its peers, and what it asks of them. All in PEM, as text or bytes. */
export interface TlsOptions {
  /** The authorities whose certificates are trusted. Default: those that Node.js comes with. */
  readonly ca?: string | Uint8Array
  /** The certificate of this node, followed by those between it and the authority. */
  readonly cert: string | Uint8Array
  /** Its private key. */
  readonly key: string | Uint8Array
  /** What the key is encrypted with. Default: it is not. */
  readonly passphrase?: string
  /**
   * Whether both sides must show a certificate whose common name is the id that they claim.
   * Default true. With false only the side that listens shows one, and ids are claimed, not proved.
   */
  readonly mutual?: boolean
}

/** Certificates that were found to be usable. */
export interface Credentials {
  /** For a server. */
  readonly options: {
    readonly ca?: Buffer
    readonly cert: Buffer
    readonly key: Buffer
    readonly passphrase?: string
  }
  /** For a client: the same, read once. */
  readonly context: SecureContext
  /** Whether both sides show a certificate, whose common name is the id of the node. */
  readonly isMutual: boolean
}

/** Throws InvalidArgumentError for options of the wrong type. */
export function requireTlsOptions(options: TlsOptions): TlsOptions {
  requireOptions('tls', options, ['ca', 'cert', 'key', 'passphrase', 'mutual'])
  const { ca, cert, key, passphrase, mutual } = options
  for (const [name, value] of Object.entries({ cert, key, ca: ca ?? '' })) {
    if (typeof value === 'string' || value instanceof Uint8Array) continue
    throw new InvalidArgumentError(`tls.${name} is not PEM. Give a string, or a file's bytes.`)
  }
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new InvalidArgumentError('tls.passphrase is not a string. Give one, or leave it out.')
  }
  if (mutual !== undefined && typeof mutual !== 'boolean') {
    throw new InvalidArgumentError('tls.mutual is not a boolean. Give true or false.')
  }
  return options
}

/**
 * Reads certificates. Throws TransportError (ERR_PAXOS_CREDENTIALS), for one that has expired or is
 * not that of `id` as well; `null` is any.
 */
export function loadCredentials(tls: TlsOptions, id: NodeId | null): Credentials {
  const options = {
    cert: Buffer.from(tls.cert),
    key: Buffer.from(tls.key),
    ...(tls.ca === undefined ? {} : { ca: Buffer.from(tls.ca) }),
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
  }
  let context: SecureContext
  try {
    void new X509Certificate(options.cert)
    // What is no certificate would be skipped without a word, and nobody trusted.
    if (options.ca !== undefined) void new X509Certificate(options.ca)
    context = createSecureContext(options)
  } catch (cause) {
    throw credentialsError(
      'The certificate, its key or the authority cannot be read, or do not belong together. Give PEM that does, and the passphrase of an encrypted key.',
      { cause },
    )
  }
  const isMutual = tls.mutual ?? true
  requireValid(tls)
  if (isMutual && id !== null) requireOwnName(tls.cert, id)
  return { options, context, isMutual }
}

function requireOwnName(cert: string | Uint8Array, id: NodeId): void {
  const { subject } = new X509Certificate(Buffer.from(cert)).toLegacyObject()
  const commonName: unknown = subject?.CN
  if (commonName === id) return
  const says =
    typeof commonName === 'string' ? `is for '${commonName}'` : 'has no single common name'
  throw credentialsError(
    `The certificate ${says}, and its peers would refuse node '${id}'. Give it a certificate whose ` +
      'only common name is its id, or set tls.mutual to false on all nodes.',
  )
}

/** An error about what may not be used, and never what it is. */
export function credentialsError(message: string, options?: ErrorOptions): TransportError {
  return new TransportError('ERR_PAXOS_CREDENTIALS', message, options)
}

/** How to meet the server of `peer` on `host`. */
export function clientOptions(own: Credentials, host: string, peer: NodeId): ConnectionOptions {
  return {
    secureContext: own.context,
    // Never an IP address (RFC 6066, 3); host names are what virtual hosts are told apart by.
    servername: isIP(host) === 0 ? host : '',
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => identityError(own, host, peer, certificate),
  }
}

/**
 * What is wrong with a certificate that is trusted, for the server of `peer` on `host`: it is
 * another host's or another node's (with the code ERR_TLS_COMMON_NAME). Undefined when it is right.
 */
export function identityError(
  { isMutual }: Credentials,
  host: string,
  peer: NodeId,
  certificate: PeerCertificate,
): Error | undefined {
  const problem = checkServerIdentity(host, certificate)
  if (problem !== undefined || !isMutual || isCertificateOf(certificate, peer)) return problem
  return Object.assign(new Error('The common name of the certificate is not the id of the peer.'), {
    code: WRONG_NAME_CODE,
  })
}

/** Whether the client behind `socket` has shown a certificate of `id`. */
export function isCertified(socket: TLSSocket, id: NodeId): boolean {
  return socket.authorized && isCertificateOf(socket.getPeerCertificate(), id)
}

/** Whether `id` is the one common name of `certificate`. Several come as an array. */
export function isCertificateOf({ subject }: PeerCertificate, id: NodeId): boolean {
  const commonName: unknown = subject?.CN
  return commonName === id
}
