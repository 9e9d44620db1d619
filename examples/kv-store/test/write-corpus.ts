/**
 * Writes the corpora of requests, answers and snapshots. To be run once when their form is new:
 * npx tsx --conditions=@paxos/source test/write-corpus.ts
 */
import { writeSnapshot } from '../src/snapshot.ts'
import { writeCorpus } from '@paxos/testkit/fuzz'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

writeCorpus(new URL('corpus/request/', import.meta.url), {
  '1-put': text('PUT /keys/k%C3%A9?timeout=500\nif-none-match: *\n\nvalue é'),
  '2-get': text('GET /keys/k%C3%A9?consistency=local&timeout=1000\naccept: */*\n\n'),
  '3-compare': text('PUT /keys/k%C3%A9\nif-match: "1"\n\nother'),
  '4-list': text('GET /keys?prefix=k&after=a&limit=3&consistency=linearizable\n\n'),
  '5-session': text('POST /sessions\n\n'),
  '6-put-once': text('PUT /keys/s\npaxos-session: session-1\npaxos-sequence: 1\n\nonce'),
  '7-delete': text('DELETE /keys/s?timeout=9\n\n'),
  '8-watch': text('GET /watch?prefix=k\nlast-event-id: 0\n\n'),
  '9-digest': text('GET /digest\n\n'),
  'a-status': text('GET /status\n\n'),
  'b-members': text('GET /members?consistency=local&timeout=9\n\n'),
  'c-add': text('POST /members?timeout=9\n\n{"id":"d","address":"udp://h:1","role":"learner"}'),
  'd-replace': text('POST /members/d%C3%A9/replace\n\n{"id":"e","address":"udp://h:2"}'),
  'e-move': text('POST /members/d/move\n\n{"address":"udp://h:3"}'),
  'f-promote': text('POST /members/d/promote\nif-match: "3"\n\n'),
  'g-remove': text('DELETE /members/d\n\n'),
  'h-batch': text(
    'POST /batch?timeout=9&consistency=local\n\n' +
      '{"items":[{"type":"put","key":"b","value":"é","ifRevision":0,"session":"session-1",' +
      '"sequence":2},{"type":"delete","key":"none"},{"type":"get","key":"k"}]}',
  ),
})
const refusal = (error: object) => text(JSON.stringify({ error }))
writeCorpus(new URL('corpus/answer/', import.meta.url), {
  differs: refusal({ code: 'revision-differs', message: 'Another one.', revision: 12 }),
  unknown: refusal({ code: 'outcome-unknown', message: 'Ask again.', outcome: 'unknown' }),
  members: refusal({ code: 'members-differ', message: 'Others.', version: 12 }),
  absent: refusal({ code: 'not-found', message: 'There is no such key.' }),
})
const entries = [
  { key: 'a', value: '', revision: 1 },
  { key: 'b\n', value: '\u2028é😀', revision: 7 },
]
writeCorpus(new URL('corpus/snapshot/', import.meta.url), {
  empty: writeSnapshot({ through: 0, entries: [] }),
  one: writeSnapshot({ through: 3, entries: entries.slice(0, 1) }),
  two: writeSnapshot({ through: 9, entries }),
})
const event = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
const status = {
  id: 'a',
  role: 'leader',
  leader: 'a',
  chosenThrough: 9,
  appliedThrough: 9,
  snapshotThrough: 0,
  inFlight: 0,
  queued: 1,
  sessions: 2,
  lag: { b: 0, c: null },
}
writeCorpus(new URL('corpus/done/', import.meta.url), {
  list: text(JSON.stringify({ entries, next: null })),
  status: text(JSON.stringify(status)),
  digest: text(JSON.stringify({ through: 9, count: 2, digest: 'ab'.repeat(32) })),
  watch: text(
    event('ready', { revision: 0 }) +
      event('change', { key: 'a', value: 'é', revision: 3 }) +
      ':\n\n' +
      event('change', { key: 'b', value: null, revision: 7 }) +
      event('change', { key: 'c', value: '', revision: 9 }),
  ),
})
