/**
 * Writes the corpus of marks. To be run once when their form is new:
 * npx tsx --conditions=@paxos/source test/programs/write-corpus.ts
 */
import type { OpenFile } from '../../src/files.ts'
import { newMarkContent, openMark } from '../../src/mark.ts'
import { SCHEMA_VERSION } from '../../src/schema.ts'
import { writeCorpus } from '@paxos/testkit/fuzz'

const { content } = newMarkContent(SCHEMA_VERSION.early)
const file: OpenFile = {
  path: 'a.db-mark',
  read: (position, length) => Promise.resolve(content.slice(position, position + length)),
  write(position, bytes) {
    content.set(bytes, position)
    return Promise.resolve()
  },
  sync: () => Promise.resolve(),
  close: () => Promise.resolve(),
}
const pair = () => Buffer.concat([content.subarray(0, 32), content.subarray(4096, 4096 + 32)])
const pairs: Record<string, Uint8Array> = { 'generation-0': pair() }
const mark = await openMark(file, 'a.db')
for (const generation of [1, 2, 299, 300]) {
  await mark.write(generation)
  if (generation !== 299) pairs[`generation-${generation}`] = pair()
}
writeCorpus(new URL('../corpus/mark/', import.meta.url), pairs)
