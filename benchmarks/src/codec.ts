/**
 * The codec beside protobufjs, which reads the same paxos.proto: an Accept of 32 values of 256 bytes,
 * as a leader under load sends it. Both copy what they encode; of what it decodes protobufjs returns
 * values that share the frame's memory, and the codec returns copies.
 */
import { readFileSync } from 'node:fs'
import type { Envelope } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import protobuf from 'protobufjs'
import { ratios } from './figures.ts'
import { output } from './output.ts'
import type { OutputOptions } from './output.ts'
import { paceOf } from './pace.ts'
import { COMMAND_BYTES } from './pipeline.ts'
import type { Column, Row } from './report.ts'

export interface CodecOptions extends OutputOptions {
  readonly rounds: number
  readonly seconds: number
}

const VALUES = 32

/** So many are done between two looks at the clock. */
const AT_ONCE = 16

const COLUMNS: readonly Column[] = [
  { key: 'perSecond', title: 'frames/s', digits: 0 },
  { key: 'megabytes', title: 'MB/s', digits: 0 },
  { key: 'microseconds', title: 'µs each', digits: 2 },
  { key: 'ratio', title: 'of protobufjs', digits: 2 },
]

const accept = {
  ballot: { round: 7, node: 'a' },
  base: 1_000_000,
  first: 1_234_567,
  values: Array.from({ length: VALUES }, () => new Uint8Array(COMMAND_BYTES).fill(9)),
  chosenThrough: 1_234_566,
}

const envelope: Envelope = {
  cluster: 'orders',
  from: 'a',
  message: { type: 'logAccept', ...accept },
}

const proto = new URL('../../packages/core/proto/paxos.proto', import.meta.url)

export async function codec({ rounds, seconds, ...files }: CodecOptions): Promise<void> {
  const type = protobuf.parse(readFileSync(proto, 'utf8')).root.lookupType('paxos.v1.Envelope')
  const reference = { cluster: 'orders', sender: 'a', logAccept: accept }
  const frame = encode(envelope)
  if (
    !type
      .encode(reference)
      .finish()
      .every((byte, index) => byte === frame[index])
  ) {
    throw new Error('The two do not write the same bytes: what they take does not compare.')
  }
  const subjects = [
    { does: 'encode', by: 'protobufjs', once: () => type.encode(reference).finish() },
    { does: 'encode', by: '@paxos/core/wire', once: () => encode(envelope) },
    { does: 'decode', by: 'protobufjs', once: () => type.decode(frame) },
    { does: 'decode', by: '@paxos/core/wire', once: () => decode(frame) },
  ]
  const found = subjects.map((): number[] => [])
  for (let round = 1; round <= rounds; round += 1) {
    for (const [index, { once }] of subjects.entries()) {
      const { perSecond } = paceOf(seconds, () => {
        for (let count = 0; count < AT_ONCE; count += 1) once()
        return AT_ONCE
      })
      found[index]?.push(perSecond)
    }
  }
  const rows = subjects.map(({ does, by }, index): Row => {
    const [perSecond = [], other = []] = [found[index], found[index - (index % 2)]]
    return {
      labels: { does, by },
      figures: {
        perSecond,
        megabytes: perSecond.map((count) => (count * frame.length) / 1e6),
        microseconds: perSecond.map((count) => 1e6 / count),
        ratio: ratios(perSecond, other),
      },
    }
  })
  const title = `An Accept of ${VALUES} values of ${COMMAND_BYTES} bytes, beside protobufjs`
  await output({ title, columns: COLUMNS, rows }, files, { figure: 'perSecond', series: 'by' })
}
