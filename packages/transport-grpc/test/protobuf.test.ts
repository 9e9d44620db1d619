/** A node in another language: it has the .proto files, and what gRPC makes of them. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js'
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

/** Where the files are that the build puts together: see .ci/copy-protos.ts. */
const FOLDERS = ['transport-grpc', 'core', 'adapter-kit'].map((name) =>
  fileURLToPath(new URL(`../../${name}/proto`, import.meta.url)),
)
const FILES = { longs: Number, oneofs: true, includeDirs: FOLDERS }

/** The client that is generated from transport.proto, with nothing of ours. */
async function generatedClient(): Promise<ServiceClientConstructor> {
  const definition = await load('transport.proto', FILES)
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
  it('imports what the build puts beside it, and nothing else', async () => {
    const [transport, copied] = await Promise.all([
      readFile(new URL('../proto/transport.proto', import.meta.url), 'utf8'),
      readFile(new URL('../../../.ci/copy-protos.ts', import.meta.url), 'utf8'),
    ])
    const imports = [...transport.matchAll(/^import "(.*)";$/gm)].map(([, name]) => name)
    expect(imports).toEqual(['link.proto', 'paxos.proto'])
    for (const name of imports) expect(copied).toContain(`/proto/${name}'`)
  })

  it('has a Packet with every field of an Envelope, and its link', async () => {
    const definition = await load('transport.proto', FILES)
    const fieldsOf = (name: string): string[] => {
      const type: unknown = Reflect.get(Object(definition[name]), 'type')
      const fields: unknown = Reflect.get(Object(type), 'field')
      if (!Array.isArray(fields)) throw new Error(`There is no message ${name}.`)
      return fields.map(({ name: field, number, typeName }) => `${field} = ${number} ${typeName}`)
    }
    const [envelope, packet] = [fieldsOf('paxos.v1.Envelope'), fieldsOf('paxos.v1.Packet')]
    expect(packet.toSorted()).toEqual([...envelope, 'link = 9 link.v1.Link'].toSorted())
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
    const exchange: unknown = Reflect.get(client, 'Exchange')
    if (typeof exchange !== 'function') throw new Error('There is no method Exchange.')
    const stream = exchange.call(client)
    afterwards(() => stream.cancel())
    stream.on('error', () => {})
    const next = (): Promise<unknown> => new Promise((resolve) => stream.once('data', resolve))

    stream.write({ link: { hello: { version: 1, sender: 'proposer', receiver: 'acceptor' } } })
    expect(await next()).toMatchObject({
      link: { kind: 'hello', hello: { sender: 'acceptor', receiver: 'proposer', version: 1 } },
    })

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

    // A message that a parser takes for a link, or a link for a message, would be neither.
    stream.write({ cluster: 'orders', sender: 'proposer', propose: { value: Buffer.from('v') } })
    stream.write({ link: { ping: {} } })
    expect(await next()).toMatchObject({ link: { kind: 'pong' } })
    stream.end()
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
