/**
 * The interface of one node: what is asked in, what is answered out. Every node answers everything;
 * the replica finds the leader. It must never answer a write before it is chosen and applied, nor
 * say that one has failed that may yet happen.
 */
import { entityTag, EVENT_STREAM } from './api.ts'
import { json } from './asked.ts'
import type { Answered, Asked, Route, Routes, Service } from './asked.ts'
import type { Feed } from './feed.ts'
import { parameters, parseLastEvent, parseParameters } from './input.ts'
import { batchRoutes } from './http-batch.ts'
import { healthRoutes } from './http-health.ts'
import { keyRoutes } from './http-keys.ts'
import { isChangeOfMembers, membersRoutes } from './http-members.ts'
import { OPEN_SESSION_AGAIN_S, WATCH_HEARTBEAT_MS } from './limits.ts'
import type { HttpFigures } from './listen.ts'
import { METRICS_TEXT } from './metrics.ts'
import type { ServiceMetrics } from './metrics.ts'
import { Refusal, refusalOf } from './refusal.ts'
import type { Attempt } from './refusal.ts'
import { STREAM_PATH } from './stream-frames.ts'
import type { KeyValueReplica } from './replica.ts'
import { Turns } from './turns.ts'
import { watchStream } from './watch-stream.ts'

export interface ServiceOptions {
  readonly replica: KeyValueReplica
  /** Hears of every change of the state machine of that replica. */
  readonly feed: Feed
  readonly metrics: ServiceMetrics
  /** Told of errors that nobody expected. Must not throw. */
  readonly onFailure: (error: unknown) => void
  /** What the server in front of it counts. Default: nothing. */
  readonly httpFigures?: () => HttpFigures | null
  /** How often a watch says that it is alive, in milliseconds. Default: WATCH_HEARTBEAT_MS. */
  readonly watchHeartbeatMs?: number
}

/** The whole service: hand it to listen(). */
export function service(options: ServiceOptions): Service {
  const { replica, feed, metrics, onFailure, watchHeartbeatMs = WATCH_HEARTBEAT_MS } = options
  const { httpFigures = () => null } = options
  const turns = new Turns()

  const routes: ReadonlyMap<string, Route> = new Map([
    ...keyRoutes(replica, turns),
    ...batchRoutes(replica, turns, refusalTo),
    ...membersRoutes(replica),
    ...healthRoutes(replica),
    ...ownRoutes(),
  ])

  return async (asked) => {
    try {
      const route = routes.get(routeOf(asked))
      if (route !== undefined) return await route(asked)
      const message = `There is no ${asked.method} ${asked.path}. See the README.`
      throw new Refusal(404, 'no-such-path', message)
    } catch (error) {
      return refuse(error, asked)
    }
  }

  function ownRoutes(): Routes {
    return [
      [
        'GET /watch',
        ({ method, query, headers }) => {
          const { prefix, after } = parseParameters(parameters.watch, query)
          const behind = parseLastEvent(headers) ?? after
          // Nobody would read the stream, nor end it.
          if (method === 'HEAD') return { status: 200, headers: WATCH_HEADERS, body: null }
          const watch = feed.watch(prefix, behind)
          if (watch === null) {
            throw new Refusal(
              503,
              'unavailable',
              'This node takes no more watches. Ask another one.',
            )
          }
          const body = watchStream(watch, watchHeartbeatMs, turns)
          return { status: 200, headers: WATCH_HEADERS, body }
        },
      ],
      [
        `GET ${STREAM_PATH}`,
        () => {
          const message =
            'A stream is a WebSocket, and none was opened: it was not asked for as one, or there are ' +
            'too many. Ask over HTTP, or another node.'
          throw new Refusal(426, 'unavailable', message)
        },
      ],
      [
        'GET /status',
        ({ query }) => {
          parseParameters(parameters.none, query)
          return json({ ...replica.status(), refused: replica.figures()?.refused ?? {} })
        },
      ],
      [
        'GET /metrics',
        ({ query }) => {
          parseParameters(parameters.none, query)
          const body = metrics.render({
            status: replica.status(),
            watches: feed.watches,
            transport: replica.figures(),
            http: httpFigures(),
          })
          return { status: 200, headers: { 'content-type': METRICS_TEXT }, body }
        },
      ],
    ]
  }

  function refusalTo(error: unknown, attempt: Attempt, { signal }: Asked): Refusal {
    const refusal = refusalOf(error, attempt)
    // A client that has gone away is nothing unexpected, and reads no answer.
    if (refusal.status === 500 && !signal.aborted) onFailure(error)
    return refusal
  }

  function refuse(error: unknown, asked: Asked): Answered {
    const { method, path } = asked
    const isWrite = method === 'PUT' || method === 'DELETE' || isChangeOfMembers(method, path)
    const refusal = refusalTo(error, isWrite ? 'write' : 'read', asked)
    const { code, revision = 0, version } = refusal.body.error
    return json(refusal.body, refusal.status, {
      ...(revision > 0 ? { etag: entityTag(revision) } : {}),
      ...(version === undefined ? {} : { etag: entityTag(version) }),
      ...(code === 'too-many-sessions' ? { 'retry-after': String(OPEN_SESSION_AGAIN_S) } : {}),
    })
  }
}

/** The method and path with a placeholder for the key or id in it, as they stand in Routes. */
function routeOf({ method, path }: Asked): string {
  // Whoever sends the answer leaves out its body.
  const verb = method === 'HEAD' ? 'GET' : method
  if (!path.startsWith('/keys/')) return `${verb} ${path.replace(MEMBER, '/members/:id')}`
  // Everything below /keys/ is a key, slashes too.
  return path.length > '/keys/'.length ? `${verb} /keys/:key` : `${verb} ${path}`
}

const MEMBER = /^\/members\/[^/]+/

/** Proxies must neither keep events back, nor compress them in blocks, nor keep any. */
const WATCH_HEADERS = {
  'content-type': EVENT_STREAM,
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}
