/** What an error of the network means to an operator. Must never show what somebody else wrote. */
import type { PeerProblem } from '@paxos/core'

/** The code of the error that a certificate of another node is. */
export const WRONG_NAME_CODE = 'ERR_TLS_COMMON_NAME'

/** A certificate that is trusted is another node's. */
export const WRONG_CERTIFICATE: PeerProblem = {
  reason: 'credentials',
  message: 'The common name of a certificate is not the id of its node. Give it one that is.',
}

/** OpenSSL has read what is no TLS at all, or none that it knows. */
const NO_TLS = /^ERR_SSL_(?:HTTP_|WRONG_VERSION|PACKET_LENGTH|.*(?:_PROTOCOL|PROTOCOL_VERSION)$)/

/** The problem that `error` is, of a connection that it ended, or a look-up. */
export function problemOf(error: unknown): PeerProblem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/^(?:ENOTFOUND|EAI_.*)$/.test(code)) {
    return {
      reason: 'address',
      message: `There is no address for its host (${code}). Is the name right?`,
    }
  }
  if (code === WRONG_NAME_CODE) return WRONG_CERTIFICATE
  if (NO_TLS.test(code)) {
    return {
      reason: 'protocol',
      message: `The other side speaks something else (${code}). Is TLS on for both, and the address right?`,
    }
  }
  if (/CERT|SSL|TLS|SIGNATURE|ISSUER|CRL|VERIFY/.test(code)) {
    return {
      reason: 'credentials',
      message: `A certificate is not accepted (${code}). Is it of the right authority, host and node, and still valid?`,
    }
  }
  if (/^(?:ECONN.*|ETIMEDOUT|EHOST.*|ENET.*|EPIPE|EADDRNOTAVAIL)$/.test(code)) {
    return {
      reason: 'no-answer',
      message: `Nobody answers (${code}). Is the peer up, and the address right?`,
    }
  }
  return {
    reason: 'failed',
    message: `The connection came to nothing${code === '' ? '' : ` (${code})`}.`,
  }
}

/** The problem with somebody who does not answer in time. */
export const SILENCE: PeerProblem = {
  reason: 'no-answer',
  message: 'Nobody answers in time. Is the peer up, and may connections pass?',
}

/** Somebody who got no further than TLS, and did not say why. */
export const NO_HANDSHAKE: PeerProblem = {
  reason: 'protocol',
  message: 'A connection got no further than TLS. Does something else dial this port?',
}

/** Somebody who did not say in time who it is. */
export const UNIDENTIFIED: PeerProblem = {
  reason: 'protocol',
  message: 'A connection did not say in time whose it is. Does something else dial this port?',
}

/** What is said of a peer whose certificate ends while it is connected. */
export const EXPIRED: PeerProblem = {
  reason: 'credentials',
  message:
    'The certificate of a connected peer has expired, and the connection is ended. Renew it.',
}
