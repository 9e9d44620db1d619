import { once } from 'node:events'
import { connect, createServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { expect, it } from 'vitest'
import { testAuthority } from '@paxos/testkit/certificates'
import type { CertificateSubject, TestAuthority } from '@paxos/testkit/certificates'

it('a certificate of an authority is trusted by those who trust it, and says who it is', async () => {
  const authority = await testAuthority()
  expect(await shake(authority, { commonName: 'ñ 1' })).toEqual({
    server: 'ñ 1',
    client: 'client',
    authorized: [true, true],
  })
})

it.each<[string, CertificateSubject, string]>([
  ['that has ended', { expired: true }, 'CERT_HAS_EXPIRED'],
  ['for another host', { hosts: ['10.0.0.1'] }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
])('a certificate %s is refused', async (_, subject, code) => {
  const authority = await testAuthority()
  await expect(shake(authority, subject)).rejects.toMatchObject({ code })
})

it('a certificate of an authority that nobody trusts is refused', async () => {
  const [authority, stranger] = [await testAuthority(), await testAuthority()]
  await expect(shake(authority, {}, stranger.ca)).rejects.toMatchObject({
    code: 'SELF_SIGNED_CERT_IN_CHAIN',
  })
})

/** What both ends learn when the server shows a certificate for `subject`. */
async function shake(
  authority: TestAuthority,
  subject: CertificateSubject,
  ca = authority.ca,
): Promise<{ server: unknown; client: unknown; authorized: readonly boolean[] }> {
  const served = await authority.issue(subject)
  const server = createServer({ ...served, ca: authority.ca, requestCert: true })
  const accepted = new Promise<TLSSocket>((resolve) => server.once('secureConnection', resolve))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const own = await authority.issue({ commonName: 'client' })
  const client = connect({ host: '127.0.0.1', port, ca, ...own })
  try {
    await once(client, 'secureConnect')
    const socket = await accepted
    return {
      server: client.getPeerCertificate().subject.CN,
      client: socket.getPeerCertificate().subject.CN,
      authorized: [client.authorized, socket.authorized],
    }
  } finally {
    client.destroy()
    server.close()
  }
}
