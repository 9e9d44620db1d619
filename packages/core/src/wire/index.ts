/**
 * Messages to bytes and back. Every frame on every transport is one protobuf message
 * `paxos.v1.Envelope`, described for readers in any language by proto/paxos.proto.
 *
 * Bytes come from outside: `decode` must never return anything that `encode` would have refused,
 * and never do anything with malformed bytes but raise DecodeError.
 */
import { InvalidArgumentError } from '../errors.ts'
import { MAX_FRAME_BYTES } from '../limits.ts'
import type { Envelope } from '../message.ts'
import { CLUSTER, MEMBERS_DIGEST, MESSAGES, SENDER } from './envelope.ts'
import type { BodyOf, MessageType } from './envelope.ts'
import { count, id, nodeId, type Collector, type Field } from './field.ts'
import { malformed, Reader } from './reader.ts'
import { Writer } from './writer.ts'

/**
 * The frame that carries `envelope`: canonical protobuf, so that equal envelopes are equal bytes.
 * The frame shares no memory with the envelope.
 *
 * Throws InvalidArgumentError for an id above MAX_ID_BYTES or with half of a surrogate pair, for
 * the node id 'all', for a round or slot that is not an integer from 1 to MAX_ROUND, for a digest
 * that is none from 0 on, for a value that is not bytes, and for a list with too many items; FrameTooLargeError when the frame would exceed MAX_FRAME_BYTES, which never
 * happens to a value within MAX_VALUE_BYTES.
 */
export function encode(envelope: Envelope): Uint8Array {
  const writer = new Writer()
  // From the last field to the first, as Writer wants it.
  writeMessage(writer, envelope.message.type, envelope.message)
  count.write(writer, MEMBERS_DIGEST, envelope.membersDigest ?? 0)
  nodeId.write(writer, SENDER, envelope.from)
  id.write(writer, CLUSTER, envelope.cluster)
  return writer.finish()
}

/**
 * The envelope that `frame` carries. It shares no memory with the frame. Fields that this version
 * does not know are skipped.
 *
 * Throws DecodeError, and nothing else, when `frame` is not an envelope within the limits of this
 * protocol, and when its message is of a kind that this version does not know. Count it and drop
 * the frame.
 */
export function decode(frame: Uint8Array): Envelope {
  if (frame.length > MAX_FRAME_BYTES) throw malformed(`more than ${MAX_FRAME_BYTES} bytes`)
  const reader = new Reader(frame)
  const cluster = id.collect()
  const from = nodeId.collect()
  const membersDigest = count.collect()
  let body: Collector<object> | null = null
  let type = ''
  for (let number = reader.nextField(); number > 0; number = reader.nextField()) {
    const known = KINDS.get(number)
    if (number === CLUSTER) cluster.read(reader)
    else if (number === SENDER) from.read(reader)
    else if (number === MEMBERS_DIGEST) membersDigest.read(reader)
    else if (known === undefined) reader.skip()
    else {
      // Of a oneof the last kind counts; the same kind again is merged into the first.
      if (body === null || type !== known.type) body = known.field.collect()
      type = known.type
      body.read(reader)
    }
  }
  if (body === null) throw malformed('no known message')
  const digest = membersDigest.finish('members_digest')
  return {
    cluster: cluster.finish('cluster'),
    from: from.finish('sender'),
    ...(digest > 0 ? { membersDigest: digest } : {}),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the body that belongs to the type, as MESSAGES says
    message: { type, ...body.finish('message') } as Envelope['message'],
  }
}

const KINDS = new Map<number, { readonly type: string; readonly field: Field<object> }>(
  Object.entries(MESSAGES).map(([type, [number, field]]) => [number, { type, field }]),
)

function writeMessage<Type extends MessageType>(
  writer: Writer,
  type: Type,
  body: BodyOf<Type>,
): void {
  if (!Object.hasOwn(MESSAGES, type)) {
    throw new InvalidArgumentError('An unknown type of message. Use one of Message.')
  }
  const [number, field] = MESSAGES[type]
  field.write(writer, number, body)
}
