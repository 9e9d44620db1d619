/**
 * How long certificates last, and what is said of it: at start, in time, and when one ends. Must
 * never show a key.
 */
import { Buffer } from 'node:buffer'
import { X509Certificate } from 'node:crypto'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { TransportError } from '@paxos/core'
import type { PeerProblem } from '@paxos/core'
import { at } from './timer.ts'

/** How long before its end a certificate is warned of: time to get another, weekends included. */
const NOTICE_MS = 7 * 24 * 60 * 60 * 1_000

/** In PEM. */
export interface OwnCertificate {
  readonly cert: string | Uint8Array
  readonly ca?: string | Uint8Array
}

/**
 * Throws TransportError (ERR_PAXOS_CREDENTIALS) for a certificate that has expired, or is not valid
 * yet: no peer would accept it.
 */
export function requireValid({ cert }: OwnCertificate): void {
  const { validFrom, validTo } = new X509Certificate(bufferOf(cert))
  if (Date.now() >= Date.parse(validTo)) {
    throw new TransportError(
      'ERR_PAXOS_CREDENTIALS',
      `The certificate of this node expired on ${validTo}, and its peers would refuse it. Renew it.`,
    )
  }
  if (Date.now() < Date.parse(validFrom)) {
    throw new TransportError(
      'ERR_PAXOS_CREDENTIALS',
      `The certificate of this node is valid from ${validFrom} on, and its peers would refuse it. ` +
        'Wait, take another, or set the clock.',
    )
  }
}

/**
 * Warns of a certificate that none of the authorities has signed, now, and of its end, in time and
 * when it comes. The function that it returns ends the watch.
 */
export function watchOwn(own: OwnCertificate, warn: (problem: PeerProblem) => void): () => void {
  function say(message: string): void {
    warn({ reason: 'credentials', message })
  }

  const { validTo } = new X509Certificate(bufferOf(own.cert))
  const endMs = Date.parse(validTo)
  if (own.ca !== undefined && !isSignedBy(own.cert, own.ca)) {
    say(
      'The certificate of this node is by none of the authorities that it trusts; peers that trust ' +
        'the same will refuse it. Give it one of theirs.',
    )
  }
  const stops = [
    at(endMs - NOTICE_MS, () => {
      if (Date.now() < endMs) say(`The certificate of this node expires on ${validTo}. Renew it.`)
    }),
    at(endMs, () => {
      say(`The certificate of this node has expired: no peer accepts it. Renew it, and reload().`)
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Whether a chain of signatures leads from the first certificate of `cert` into `ca`. */
function isSignedBy(cert: string | Uint8Array, ca: string | Uint8Array): boolean {
  const [leaf, ...between] = certificatesOf(cert)
  const trusted = certificatesOf(ca)
  let current = leaf
  for (let depth = 0; current !== undefined && depth <= between.length; depth += 1) {
    const signed = current
    if (trusted.some((authority) => isIssuedBy(signed, authority))) return true
    current = between.find((authority) => isIssuedBy(signed, authority))
  }
  return false
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

/** Each certificate of a PEM file. */
function certificatesOf(pem: string | Uint8Array): X509Certificate[] {
  const blocks = bufferOf(pem)
    .toString('latin1')
    .match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*CERTIFICATE-----/g)
  return (blocks ?? []).map((block) => new X509Certificate(block))
}

function bufferOf(pem: string | Uint8Array): Buffer {
  return Buffer.from(pem)
}

/**
 * Calls `onEnd` when the certificate of the other side of `socket`, which has shaken hands, ends. Of
 * a side that has shown none it waits for nothing. It is forgotten when the socket closes.
 */
export function watchPeer(socket: TLSSocket, onEnd: () => void): void {
  // Empty, whatever the types say, where there is none.
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate()
  if (socket.destroyed) return
  socket.once('close', watchCertificate(certificate, onEnd))
}

/** Calls `onEnd` when `certificate` ends, unless the function that it returns is called before. */
export function watchCertificate(
  { valid_to: validTo }: Partial<Pick<PeerCertificate, 'valid_to'>>,
  onEnd: () => void,
): () => void {
  // As node:tls writes it; there is none where there is no certificate.
  const endMs = validTo === undefined ? Number.NaN : Date.parse(validTo)
  return Number.isNaN(endMs) ? () => {} : at(endMs, onEnd)
}
