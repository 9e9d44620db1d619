/**
 * Messages to bytes and back. Every frame on every transport is one protobuf message
 * `paxos.v1.Envelope`, described for readers in any language by proto/paxos.proto.
 *
 * Bytes come from outside: `decode` must never return anything that `encode` would have refused,
 * and never do anything with malformed bytes but raise DecodeError.
 */
import { InvalidArgumentError } from '../errors.ts'
import { MAX_FRAME_BYTES } from '../limits.ts'
import type { Envelope, Message } from '../message.ts'
import { CLUSTER, MESSAGES, SENDER, type MessageOf, type MessageType } from './envelope.ts'
import { id, nodeId, type Collector, type Field } from './field.ts'
import { malformed, Reader } from './reader.ts'
import { Writer } from './writer.ts'

/**
 * The frame that carries `envelope`: canonical protobuf, so that equal envelopes are equal bytes.
 * The frame shares no memory with the envelope.
 *
 * Throws InvalidArgumentError for an id above MAX_ID_BYTES or with half of a surrogate pair, for
 * the node id 'all', for a round that is not an integer from 1 to MAX_ROUND, and for a value that
 * is not bytes; FrameTooLargeError when the frame would exceed MAX_FRAME_BYTES, which never
 * happens to a value within MAX_VALUE_BYTES.
 */
export function encode(envelope: Envelope): Uint8Array {
  const writer = new Writer()
  // From the last field to the first, as Writer wants it.
  writeMessage(writer, envelope.message.type, envelope.message)
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
  if (frame.byteLength > MAX_FRAME_BYTES) throw malformed(`more than ${MAX_FRAME_BYTES} bytes`)
  // A plain view, because subclasses change what slice means: that of Buffer does not copy.
  const reader = new Reader(new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength))
  const cluster = id.collect()
  const from = nodeId.collect()
  let message: Collector<Message<Uint8Array>> | null = null
  let messageNumber = 0
  for (let number = reader.nextField(); number > 0; number = reader.nextField()) {
    const field = FIELD_OF_NUMBER.get(number)
    if (number === CLUSTER) cluster.read(reader)
    else if (number === SENDER) from.read(reader)
    else if (field === undefined) reader.skip()
    else {
      // Of a oneof the last kind counts; the same kind again is merged into the first.
      if (message === null || messageNumber !== number) message = field.collect()
      messageNumber = number
      message.read(reader)
    }
  }
  if (message === null) throw malformed('no message of a known kind')
  return {
    cluster: cluster.finish('cluster'),
    from: from.finish('sender'),
    message: message.finish('message'),
  }
}

const FIELD_OF_NUMBER = new Map<number, Field<Message<Uint8Array>>>(Object.values(MESSAGES))

function writeMessage<Type extends MessageType>(
  writer: Writer,
  type: Type,
  message: MessageOf<Type>,
): void {
  if (!Object.hasOwn(MESSAGES, type)) {
    throw new InvalidArgumentError('A message of unknown type. Use one of the types of Message.')
  }
  const [number, field] = MESSAGES[type]
  field.write(writer, number, message)
}
