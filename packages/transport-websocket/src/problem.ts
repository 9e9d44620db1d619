/** What an error of the network means to an operator. Must never show what somebody else wrote. */
import type { PeerProblem } from '@paxos/core'

/** The problem that `error` is, of a dial that it ended. */
export function problemOf(error: unknown): PeerProblem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/^(?:ENOTFOUND|EAI_.*)$/.test(code)) {
    return {
      reason: 'address',
      message: `There is no address for its host (${code}). Is the name right?`,
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
  if (error instanceof Error && error.message.startsWith('Unexpected server response')) {
    return {
      reason: 'protocol',
      message: 'Whoever listens there speaks HTTP, and no WebSocket. Is the address right?',
    }
  }
  return {
    reason: 'failed',
    message: `The connection came to nothing${code === '' ? '' : ` (${code})`}.`,
  }
}
