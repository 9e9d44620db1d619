/**
 * What is particular to WebSockets over TLS. Certificates, and who is refused for which, are those of
 * all sockets: see socket-links.test.ts, sockets.test.ts and tls.test.ts of the kit, and the suite.
 */
import { once } from 'node:events'
import { connect } from 'node:tls'
import { afterEach, expect, it } from 'vitest'
import { testAuthority } from '@paxos/testkit/certificates'
import { fromUrl } from '@paxos/transport-websocket'
import { closeAll, onCleanup, openNode, portOf, until } from './nodes.ts'

afterEach(closeAll)

const authority = await testAuthority()
const { ca } = authority
const tls = { ca, ...(await authority.issue({ commonName: 'a' })) }

it('who speaks TLS where there is none is refused and counted', async () => {
  const b = await openNode('b', { a: 'ws://127.0.0.1:9' })
  const socket = connect({ port: portOf(b.transport.address), host: '127.0.0.1', ca })
  onCleanup(() => void socket.destroy())
  await once(socket, 'error')
  await until(() => b.transport.stats().failedHandshakes === 1)
})

it('fromUrl takes wss: with a certificate, and neither without the other', async () => {
  const transport = fromUrl('wss:', { tls })
  onCleanup(() => transport.close())
  await transport.open({ id: 'a', listen: 'wss://127.0.0.1:0', peers: new Map(), receive() {} })
  expect(transport.address).toMatch(/^wss:\/\/127\.0\.0\.1:[1-9]\d*$/)
  for (const misfit of [() => fromUrl('wss:'), () => fromUrl('ws:', { tls })]) {
    expect(misfit).toThrow(expect.objectContaining({ code: 'ERR_PAXOS_CREDENTIALS' }))
  }
})
