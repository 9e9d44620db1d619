/**
 * The limits of the HTTP server in one object, so that a test can lower some. What they are for is
 * in limits.ts.
 */
import type { BudgetLimits } from './budget.ts'
import type { ConnectionLimits } from './connections.ts'
import {
  DEADLINES_EVERY_MS,
  DISCARD_WITHIN_MS,
  HANDSHAKE_WITHIN_MS,
  HEAD_WITHIN_MS,
  IDLE_CONNECTION_MS,
  LAST_REQUEST_WITHIN_MS,
  MAX_BATCH_BYTES,
  MAX_CONNECTIONS,
  MAX_DISCARDED_BYTES,
  MAX_RECEIVED_BYTES,
  MAX_REQUESTS,
  MAX_SENT_AHEAD,
  MAX_SENT_AHEAD_IN_ALL,
  MAX_STREAM_MESSAGE_BYTES,
  MAX_STREAM_REQUESTS,
  MAX_STREAM_UNSENT_BYTES,
  MAX_STREAMS,
  MAX_UNSENT_BYTES,
  MAX_VALUE_BYTES,
  MAX_WATCHES,
  RECEIVE_WITHIN_MS,
  SEND_STEP_BYTES,
  SEND_STEP_WITHIN_MS,
  SHARE_OF_ADDRESS,
  SMALL_ANSWER_BYTES,
  STALLED_AFTER_MS,
} from './limits.ts'
import type { StreamLimits } from './streams.ts'

export interface HttpLimits
  extends StreamLimits, ConnectionLimits, Pick<BudgetLimits, 'stalledAfterMs'> {
  readonly receivedBytes: number
  readonly unsentBytes: number
  readonly headWithinMs: number
  readonly receiveWithinMs: number
  readonly handshakeWithinMs: number
  readonly lastRequestWithinMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  connections: MAX_CONNECTIONS,
  sentAhead: MAX_SENT_AHEAD,
  sentAheadInAll: MAX_SENT_AHEAD_IN_ALL,
  requests: MAX_REQUESTS,
  watches: MAX_WATCHES,
  streams: MAX_STREAMS,
  streamRequests: MAX_STREAM_REQUESTS,
  streamMessageBytes: MAX_STREAM_MESSAGE_BYTES,
  streamUnsentBytes: MAX_STREAM_UNSENT_BYTES,
  shareOfAddress: SHARE_OF_ADDRESS,
  bodyBytes: MAX_VALUE_BYTES,
  batchBytes: MAX_BATCH_BYTES,
  receivedBytes: MAX_RECEIVED_BYTES,
  unsentBytes: MAX_UNSENT_BYTES,
  smallAnswerBytes: SMALL_ANSWER_BYTES,
  stalledAfterMs: STALLED_AFTER_MS,
  sendStepBytes: SEND_STEP_BYTES,
  sendStepWithinMs: SEND_STEP_WITHIN_MS,
  discardWithinMs: DISCARD_WITHIN_MS,
  discardedBytes: MAX_DISCARDED_BYTES,
  headWithinMs: HEAD_WITHIN_MS,
  receiveWithinMs: RECEIVE_WITHIN_MS,
  idleConnectionMs: IDLE_CONNECTION_MS,
  handshakeWithinMs: HANDSHAKE_WITHIN_MS,
  deadlinesEveryMs: DEADLINES_EVERY_MS,
  lastRequestWithinMs: LAST_REQUEST_WITHIN_MS,
}
