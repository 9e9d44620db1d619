/** What an error of the network means to an operator. */
import { describe, expect, it } from 'vitest'
import { problemOf } from '@paxos/adapter-kit/sockets'

describe('an error of the network', () => {
  it.each([
    ['ENOTFOUND', 'address', /Is the name right\?$/],
    ['EAI_AGAIN', 'address', /Is the name right\?$/],
    ['ECONNREFUSED', 'no-answer', /Is the peer up/],
    ['ETIMEDOUT', 'no-answer', /Is the peer up/],
    ['EHOSTUNREACH', 'no-answer', /Is the peer up/],
    ['EPIPE', 'no-answer', /Is the peer up/],
    ['ENOENT', 'no-answer', /Is the peer up/],
    ['CERT_HAS_EXPIRED', 'credentials', /still valid\?$/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'credentials', /still valid\?$/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'credentials', /still valid\?$/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'credentials', /still valid\?$/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'credentials', /still valid\?$/],
    ['ERR_TLS_COMMON_NAME', 'credentials', /Give it one that is\.$/],
    ['ERR_SSL_HTTP_REQUEST', 'protocol', /Is TLS on for both/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'protocol', /Is TLS on for both/],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'protocol', /Is TLS on for both/],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'protocol', /Is TLS on for both/],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'protocol', /Is TLS on for both/],
    ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'protocol', /Is TLS on for both/],
    ['EMFILE', 'failed', /^The connection came to nothing \(EMFILE\)\.$/],
  ])(
    '%s is a problem with its %s, and the message says what to look at',
    (code, reason, message) => {
      const problem = problemOf(Object.assign(new Error('SECRET'), { code }))
      expect(problem).toEqual({ reason, message: expect.stringMatching(message) })
      expect(problem.message).not.toContain('SECRET')
    },
  )

  it.each([[new Error('SECRET')], ['SECRET'], [null], [undefined]])(
    'that says nothing of itself, as %s, is one all the same',
    (error) => {
      expect(problemOf(error)).toEqual({
        reason: 'failed',
        message: 'The connection came to nothing.',
      })
    },
  )
})
