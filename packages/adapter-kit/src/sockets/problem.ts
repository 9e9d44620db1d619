/** What an error of the network means to an operator. Must never show what somebody else wrote. */
import type { PeerProblem } from '@paxos/core'
import { WRONG_CERTIFICATE } from '../links/stats.ts'

/** The code of the error that a certificate of another node is. */
export const WRONG_NAME_CODE = 'ERR_TLS_COMMON_NAME'

/** OpenSSL has read what is no TLS at all, or none that it knows. */
const NO_TLS = /^ERR_SSL_(?:HTTP_|WRONG_VERSION|PACKET_LENGTH|.*(?:_PROTOCOL|PROTOCOL_VERSION)$)/

/** The problem that `error` is, of a connection that it ended, or a look-up. */
export function problemOf(error: unknown): PeerProblem {
  const isCoded = typeof error === 'object' && error !== null && 'code' in error
  const code = isCoded ? String(error.code) : ''
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
  if (/^(?:ECONN.*|ETIMEDOUT|EHOST.*|ENET.*|EPIPE|EADDRNOTAVAIL|ENOENT)$/.test(code)) {
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

/** What is said of a peer whose certificate ends while it is connected. */
export const EXPIRED: PeerProblem = {
  reason: 'credentials',
  message:
    'The certificate of a connected peer has expired, and the connection is ended. Renew it.',
}
