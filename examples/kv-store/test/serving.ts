/**
 * A service over a stand-in for the replica, behind a real socket, for the time of one test.
 */
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { Feed } from '../src/feed.ts'
import type { FeedLimits } from '../src/feed.ts'
import { service } from '../src/http.ts'
import { listen } from '../src/listen.ts'
import type { HttpServer, ListenOptions } from '../src/listen.ts'
import { ServiceMetrics } from '../src/metrics.ts'
import { Store } from '../src/store.ts'
import { Solo } from './solo.ts'

export interface Serving {
  readonly url: string
  readonly server: HttpServer
  readonly solo: Solo
  readonly store: Store
  readonly feed: Feed
  readonly metrics: ServiceMetrics
  /** What the service called a failure, so far. */
  readonly failures: unknown[]
}

export interface ServingOptions {
  readonly feedLimits?: FeedLimits
  readonly watchHeartbeatMs?: number
  readonly listen?: ListenOptions
}

export async function serving({
  feedLimits,
  watchHeartbeatMs,
  listen: listenOptions,
}: ServingOptions = {}): Promise<Serving> {
  const feed = new Feed(feedLimits)
  const store = new Store(feed)
  const solo = new Solo(store)
  const metrics = new ServiceMetrics()
  const failures: unknown[] = []
  const answers = service({
    replica: solo,
    feed,
    metrics,
    onFailure: (error) => failures.push(error),
    ...(watchHeartbeatMs === undefined ? {} : { watchHeartbeatMs }),
  })
  const server = await listen({ host: '127.0.0.1', port: 0 }, answers, listenOptions)
  onTestFinished(async () => {
    feed.close()
    await server.close(0)
  })
  return { url: server.url, server, solo, store, feed, metrics, failures }
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** One request as it is typed, which fetch would not send: it changes paths and headers. */
export async function raw(
  url: string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | Uint8Array
  } = {},
): Promise<Answered> {
  const { hostname, port } = new URL(url)
  return await new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers }, (response) => {
      const { statusCode: status = 0, headers: received } = response
      const read = async (): Promise<Answered> => {
        const bytes = await buffer(response)
        return { status, headers: received, body: bytes.toString('utf8') }
      }
      read().then(resolve, reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
