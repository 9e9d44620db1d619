/**
 * What is wrong with a certificate, in sentences for an operator: those that make it useless now,
 * and those that will. Must never hold anything of a key.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { isIP } from 'node:net'
import { UserError } from './fail.ts'
import { CERTIFICATE_EXPIRES_SOON_MS } from './limits.ts'

/** A certificate, its key, and the authorities whose certificates are trusted; all in PEM. */
export interface Pem {
  readonly cert: string
  readonly key: string
  readonly ca?: string
}

/** What a certificate is for. */
export interface Purpose {
  /** What it is called in a sentence: 'The certificate of --http-cert'. */
  readonly name: string
  /** A host that clients ask for. */
  readonly host?: string
  /** The only common name that is believed. */
  readonly commonName?: string
  /** An authority that has to have signed it. */
  readonly ca?: string | undefined
}

/** Throws UserError when they are no PEM, or do not belong together. */
export function requireUsable({ cert, key, ca }: Pem, name: string): void {
  try {
    if (ca !== undefined) void new X509Certificate(ca)
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new UserError(`${name} does not belong to its key. Give the key that it was made with.`)
    }
    createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) })
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const message = `${name}, its key or its authority cannot be read. Give files in PEM.`
    throw new UserError(message, { cause })
  }
}

/** What those who are shown it will complain about, now or soon. */
export function complaintsAbout(
  cert: string,
  { name, host, commonName, ca }: Purpose,
  nowMs: number,
): readonly string[] {
  const certificate = new X509Certificate(cert)
  const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  const complaints: string[] = []
  if (nowMs > toMs) {
    complaints.push(
      `${name} expired on ${certificate.validTo}. Replace it; nobody will believe it.`,
    )
  } else if (nowMs < fromMs) {
    complaints.push(`${name} is not valid before ${certificate.validFrom}. Look at the clock.`)
  } else if (toMs - nowMs < CERTIFICATE_EXPIRES_SOON_MS) {
    complaints.push(`${name} expires on ${certificate.validTo}. Replace it before.`)
  }
  if (host !== undefined && !isFor(certificate, host)) {
    complaints.push(
      `${name} is for ${certificate.subjectAltName ?? 'no host'}: who asks ${host} will refuse it.`,
    )
  }
  if (commonName !== undefined && !isOnlyName(certificate, commonName)) {
    complaints.push(
      `${name} is not for '${commonName}', and the other nodes will refuse it. ` +
        'Give this node a certificate whose only common name is its id.',
    )
  }
  if (ca !== undefined && !certificate.checkIssued(new X509Certificate(ca))) {
    complaints.push(
      `${name} was not signed by the first authority that was named; ` +
        'unless another one has signed it, those who trust that authority will refuse it.',
    )
  }
  return complaints
}

function isFor(certificate: X509Certificate, host: string): boolean {
  const found = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)
  return found !== undefined
}

function isOnlyName({ subject }: X509Certificate, commonName: string): boolean {
  const names = subject.split('\n').filter((line) => line.startsWith('CN='))
  return names.length === 1 && names[0] === `CN=${commonName}`
}
