/** A node in another language: it has the .proto files, and what gRPC makes of them. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Client, credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js'
import type { ServiceClientConstructor } from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'
import { afterEach, describe, expect, it } from 'vitest'
import { EMPTY_SAVED, MAX_FRAME_BYTES } from '@paxos/core'
import type { Envelope } from '@paxos/core'
import { Acceptor } from '@paxos/core/practical'
import { decode, encode } from '@paxos/core/wire'
import { grpc } from '@paxos/transport-grpc'
import { EXCHANGE } from '../src/service.ts'
import { afterwards, cleanUp, openNode, stranger } from './world.ts'

afterEach(cleanUp)

const PROTO = fileURLToPath(new URL('../proto', import.meta.url))
const CORE = fileURLToPath(new URL('../../core/proto/paxos.proto', import.meta.url))

/** The client that is generated from transport.proto, with nothing of ours. */
async function generatedClient(): Promise<ServiceClientConstructor> {
  const definition = await load('transport.proto', {
    includeDirs: [PROTO],
    longs: Number,
    oneofs: true,
  })
  const { paxos } = loadPackageDefinition(definition)
  const made: unknown = Reflect.get(Object(Reflect.get(Object(paxos), 'v1')), 'Transport')
  if (!isClient(made)) throw new Error('There is no service Transport.')
  return made
}

function isClient(value: unknown): value is ServiceClientConstructor {
  return typeof value === 'function' && value.prototype instanceof Client
}

/** An acceptor behind our transport, as a host drives it; its disk is the memory of the test. */
async function openAcceptor(): Promise<string> {
  const acceptor = new Acceptor<Uint8Array>(EMPTY_SAVED)
  const transport = grpc()
  afterwards(() => transport.close())
  await transport.open({
    id: 'acceptor',
    listen: 'grpc://127.0.0.1:0',
    peers: new Map([['proposer', 'can only dial']]),
    receive(from, frame) {
      const { cluster, message } = decode(frame)
      const answer =
        message.type === 'prepare'
          ? acceptor.receivePrepare(message)
          : message.type === 'accept'
            ? acceptor.receiveAccept(message)
            : null
      if (answer === null) return
      if (answer.change !== null) acceptor.saved()
      transport.send(from, encode({ cluster, from: 'acceptor', message: answer.message }))
    },
  })
  return transport.address.replace('grpc://', '')
}

describe('proto/', () => {
  it('is complete by itself: paxos.proto is that of core', async () => {
    expect(await readFile(`${PROTO}/paxos.proto`, 'utf8')).toBe(await readFile(CORE, 'utf8'))
  })

  it('has the service that this package serves', async () => {
    const { service } = await generatedClient()
    const { path, requestStream, responseStream } = service['Exchange'] ?? EXCHANGE
    expect(Object.keys(service)).toEqual(['Exchange'])
    expect({ path, requestStream, responseStream }).toEqual({
      path: EXCHANGE.path,
      requestStream: true,
      responseStream: true,
    })
  })
})

describe('a node whose code is generated from transport.proto', () => {
  it('exchanges a Prepare for a Promise, and an Accept for an Accepted', async () => {
    const Transport = await generatedClient()
    const client = new Transport(await openAcceptor(), credentials.createInsecure())
    afterwards(() => client.close())
    const metadata = new Metadata()
    metadata.set('paxos-from-bin', Buffer.from('proposer'))
    metadata.set('paxos-to-bin', Buffer.from('acceptor'))
    const exchange: unknown = Reflect.get(client, 'Exchange')
    if (typeof exchange !== 'function') throw new Error('There is no method Exchange.')
    const stream = exchange.call(client, metadata)
    afterwards(() => stream.cancel())
    stream.on('error', () => {})
    const next = (): Promise<unknown> => new Promise((resolve) => stream.once('data', resolve))

    const answer = await new Promise<Metadata>((resolve) => stream.once('metadata', resolve))
    expect(answer.get('paxos-from-bin')).toEqual([Buffer.from('acceptor')])

    const ballot = { round: 1, node: 'proposer' }
    stream.write({ cluster: 'orders', sender: 'proposer', prepare: { ballot } })
    expect(await next()).toMatchObject({
      cluster: 'orders',
      sender: 'acceptor',
      message: 'promise',
      promise: { ballot },
    })
    stream.write({
      cluster: 'orders',
      sender: 'proposer',
      accept: { ballot, value: Buffer.from('v') },
    })
    expect(await next()).toMatchObject({
      sender: 'acceptor',
      message: 'accepted',
      accepted: { ballot, value: Buffer.from('v') },
    })
  })
})

describe('a frame', () => {
  it('is the message itself: what core encodes arrives as the same bytes', async () => {
    const b = await openNode('b', { peers: { a: 'can only dial' } })
    const { answer, call } = stranger(b.transport.address)
    await answer
    const envelope: Envelope = {
      cluster: 'orders',
      from: 'b',
      message: { type: 'prepare', ballot: { round: 7, node: 'b' } },
    }
    b.transport.send('a', encode(envelope))
    const received = await new Promise<Uint8Array>((resolve) => call.once('data', resolve))
    expect(Buffer.from(received).equals(encode(envelope))).toBe(true)
    expect(decode(received)).toEqual(envelope)
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['no protobuf', new Uint8Array(100).fill(255)],
    ['the largest', new Uint8Array(MAX_FRAME_BYTES).fill(255)],
  ])('that is %s passes: nobody looks into it on the way', async (_, frame) => {
    const b = await openNode('b', { peers: { a: 'can only dial' } })
    const { answer, call } = stranger(b.transport.address)
    await answer
    call.write(frame)
    call.write(Uint8Array.of(1))
    await b.received(1)
    expect(b.inbox).toHaveLength(2)
    expect(Buffer.compare(b.inbox[0]?.frame ?? Uint8Array.of(0), frame)).toBe(0)
    b.transport.send('a', frame)
    const received = await new Promise<Uint8Array>((resolve) => call.once('data', resolve))
    expect(Buffer.compare(received, frame)).toBe(0)
  })
})
