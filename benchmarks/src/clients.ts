/**
 * Clients of key-value stores, as small as each protocol allows: they write one key, or read it. What
 * they cost is part of what is measured, so each keeps its connections and sends what there is at once.
 */
import { Agent, request } from 'node:http'
import { connect as connectSocket } from 'node:net'
import type { Socket } from 'node:net'
import { Client, credentials } from '@grpc/grpc-js'
import { connect } from '@paxos/kv-store/dist/client.js'
import protobuf from 'protobufjs'

/** What is asked. */
export type Target =
  | { readonly type: 'store'; readonly urls: readonly string[]; readonly stream: boolean }
  | { readonly type: 'etcd'; readonly addresses: readonly string[] }
  | { readonly type: 'antietcd'; readonly urls: readonly string[] }
  | { readonly type: 'redis'; readonly port: number }

/** Resolves when the store says that it is done. */
export type Put = (key: string, value: string) => Promise<unknown>

/** Resolves with what the store answers. */
export type Get = (key: string) => Promise<unknown>

/** A node that may be asked; of the store here its client chooses the node. */
export interface StoreClient {
  readonly put: Put
  /** By consistency, as the store calls it; of those stores whose reads are measured. */
  readonly get: Readonly<Record<string, Get>>
}

/** One for each node. */
export function clientsOf(target: Target): readonly StoreClient[] {
  switch (target.type) {
    case 'store': {
      const client = connect({ nodes: target.urls, stream: target.stream })
      const put: Put = (key, value) => client.put(key, value)
      return [
        {
          put,
          get: {
            linearizable: (key) => client.get(key),
            local: (key) => client.get(key, { consistency: 'local' }),
          },
        },
      ]
    }
    case 'etcd':
      return target.addresses.map(etcd)
    case 'antietcd':
      return target.urls.map((url) => ({ put: antietcd(url), get: {} }))
    case 'redis':
      return [{ put: redis(target.port), get: {} }]
  }
}

/** The messages of etcd's API that are needed: https://etcd.io/docs/v3.4/learning/api/. */
const ETCD = `syntax = "proto3";
message PutRequest { bytes key = 1; bytes value = 2; }
message PutResponse {}
message RangeRequest { bytes key = 1; bool serializable = 7; }
message KeyValue { bytes value = 5; }
message RangeResponse { repeated KeyValue kvs = 2; }`

function etcd(address: string): StoreClient {
  const { root } = protobuf.parse(ETCD)
  const client = new Client(address, credentials.createInsecure())
  const call = (method: string, asked: protobuf.Type, answered: protobuf.Type) => {
    return (body: object): Promise<unknown> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          `/etcdserverpb.KV/${method}`,
          (message: object) => Buffer.from(asked.encode(message).finish()),
          (bytes) => answered.decode(bytes),
          body,
          (error, answer) => (error === null ? resolve(answer) : reject(error)),
        )
      })
  }
  const put = call('Put', root.lookupType('PutRequest'), root.lookupType('PutResponse'))
  const range = call('Range', root.lookupType('RangeRequest'), root.lookupType('RangeResponse'))
  return {
    put: (key, value) => put({ key: Buffer.from(key), value: Buffer.from(value) }),
    get: {
      linearizable: (key) => range({ key: Buffer.from(key) }),
      serializable: (key) => range({ key: Buffer.from(key), serializable: true }),
    },
  }
}

function antietcd(url: string): Put {
  const agent = new Agent({ keepAlive: true })
  return (key, value) =>
    new Promise((resolve, reject) => {
      const options = { method: 'POST', agent, headers: { 'content-type': 'application/json' } }
      const sent = request(`${url}/v3/kv/put`, options, (answer) => {
        answer.resume()
        answer.on('error', reject)
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(null)
          else reject(new Error(`antietcd answers with ${answer.statusCode}.`))
        })
      })
      sent.on('error', reject)
      sent.end(JSON.stringify({ key: base64(key), value: base64(value) }))
    })
}

/** One connection: commands leave as they come, and answers come in their order. */
function redis(port: number): Put {
  const waiting: { readonly resolve: (answer: null) => void; readonly reject: Reject }[] = []
  let socket: Socket | null = null
  let rest = ''

  function receive(text: string): void {
    const lines = (rest + text).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const call = waiting.shift()
      if (line.startsWith('-')) call?.reject(new Error(`Redis answers with ${line.slice(1)}.`))
      else call?.resolve(null)
    }
  }

  /** The next call connects again: at first it may not listen yet. */
  function failed(error: Error): void {
    socket = null
    for (const { reject } of waiting.splice(0)) reject(error)
  }

  return (key, value) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
      socket ??= connectSocket({ port, host: '127.0.0.1', noDelay: true })
        .setEncoding('latin1')
        .on('data', receive)
        .on('error', failed)
      socket.write(`*3\r\n$3\r\nSET\r\n${bulk(key)}${bulk(value)}`)
    })
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}

type Reject = (error: Error) => void
