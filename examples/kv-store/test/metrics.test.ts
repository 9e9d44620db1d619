import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_SERIES } from '../src/limits.ts'
import { ServiceMetrics } from '../src/metrics.ts'
import type { Rendered } from '../src/metrics.ts'
import { raw, serving } from './serving.ts'
import { Solo } from './solo.ts'
import { Store } from '../src/store.ts'

interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Family {
  readonly help: string
  readonly type: string
  readonly samples: Map<string, Sample[]>
}

/** Reads the text format as its specification says, and throws for whatever is not in it. */
function readText(text: string): Map<string, Family> {
  expect(text.endsWith('\n')).toBe(true)
  const families = new Map<string, Family>()
  let current: [string, Family] | null = null
  let help: [string, string] | null = null
  for (const line of text.slice(0, -1).split('\n')) {
    const helpLine = /^# HELP ([a-zA-Z_:][\w:]*) ((?:[^\\\n]|\\[\\n])*)$/.exec(line)
    const typeLine = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line)
    if (helpLine !== null) {
      help = [helpLine[1] ?? '', helpLine[2] ?? '']
    } else if (typeLine !== null) {
      const [, name = '', type = ''] = typeLine
      if (help?.[0] !== name || families.has(name)) throw new SyntaxError(`misplaced: ${line}`)
      current = [name, { help: help[1], type, samples: new Map() }]
      families.set(...current)
    } else {
      const { name, ...sample } = readSample(line)
      const suffix = name.slice(current?.[0].length)
      const suffixes = current?.[1].type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      if (current === null || !name.startsWith(current[0]) || !suffixes.includes(suffix)) {
        throw new SyntaxError(`in the wrong family: ${line}`)
      }
      const { samples } = current[1]
      samples.set(suffix, [...(samples.get(suffix) ?? []), sample])
    }
  }
  return families
}

function readSample(line: string): Sample & { readonly name: string } {
  const parts = /^([a-zA-Z_:][\w:]*)(?:\{([^]*)\})? (\S+)$/.exec(line)
  if (parts === null) throw new SyntaxError(`no sample: ${line}`)
  const [, name = '', pairs = '', digits = ''] = parts
  const labels: [string, string][] = []
  let rest = pairs
  while (rest !== '') {
    const pair = /^([a-zA-Z_]\w*)="((?:[^"\\]|\\[\\"n])*)"(?:,(?=[^])|$)/.exec(rest)
    if (pair === null) throw new SyntaxError(`no label: ${rest}`)
    const text = (pair[2] ?? '').replaceAll(/\\([\\"n])/g, (_, c) => (c === 'n' ? '\n' : String(c)))
    labels.push([pair[1] ?? '', text])
    rest = rest.slice(pair[0].length)
  }
  const value = digits === '+Inf' ? Infinity : Number(digits)
  if (Number.isNaN(value)) throw new SyntaxError(`no number: ${line}`)
  return { name, labels: Object.fromEntries(labels), value }
}

const status = new Solo(new Store()).status()

const nothing: Rendered = { status, watches: 2, transport: null, http: null }

function rendered(metrics: ServiceMetrics): Map<string, Family> {
  return readText(metrics.render(nothing))
}

/** By name, what is rendered of that. */
function samplesOf(what: Partial<Rendered>): (name: string) => unknown {
  const families = readText(new ServiceMetrics().render({ ...nothing, ...what }))
  return (name) => families.get(name)?.samples.get('')
}

describe('metrics', () => {
  it('a counter is the sum of what was added, one for each set of labels', () => {
    const metrics = new ServiceMetrics()
    metrics.counter('paxos.frames.dropped', 1, { reason: 'foreign', from: 'b' })
    metrics.counter('paxos.frames.dropped', 2, { from: 'b', reason: 'foreign' })
    metrics.counter('paxos.frames.dropped', 5, { from: 'c', reason: 'foreign' })
    const family = rendered(metrics).get('paxos_frames_dropped_total')
    expect(family?.type).toBe('counter')
    expect(family?.samples.get('')).toEqual([
      { labels: { reason: 'foreign', from: 'b' }, value: 3 },
      { labels: { from: 'c', reason: 'foreign' }, value: 5 },
    ])
  })

  it('a duration is a histogram in seconds, whose buckets add up', () => {
    const metrics = new ServiceMetrics()
    for (const seconds of [0.001, 0.002, 0.3, 60])
      metrics.histogram('paxos.commit.duration', seconds)
    const family = rendered(metrics).get('paxos_commit_duration_seconds')
    expect(family?.type).toBe('histogram')
    const buckets = family?.samples.get('_bucket') ?? []
    const at = (le: string): number | undefined =>
      buckets.find(({ labels }) => labels['le'] === le)?.value
    expect([at('0.001'), at('0.0025'), at('0.25'), at('0.5'), at('10'), at('+Inf')]).toEqual([
      1, 2, 2, 3, 3, 4,
    ])
    const values = buckets.map(({ value }) => value)
    expect(values).toEqual(values.toSorted((a, b) => a - b))
    expect(family?.samples.get('_sum')).toEqual([{ labels: {}, value: 60.303 }])
    expect(family?.samples.get('_count')).toEqual([{ labels: {}, value: 4 }])
  })

  it('sizes have buckets of their own', () => {
    const metrics = new ServiceMetrics()
    metrics.histogram('paxos.batch.size', 17)
    const buckets = rendered(metrics).get('paxos_batch_size')?.samples.get('_bucket') ?? []
    const counting = buckets.filter(({ value }) => value === 1).map(({ labels }) => labels['le'])
    expect(counting.slice(0, 2)).toEqual(['64', '256'])
  })

  it('what the status says is there, a peer of which nothing is known left out', () => {
    const families = rendered(new ServiceMetrics())
    expect(families.get('paxos_is_leader')?.samples.get('')).toEqual([{ labels: {}, value: 1 }])
    expect(families.get('paxos_lag_slots')?.samples.get('')).toEqual([
      { labels: { peer: 'c' }, value: 3 },
    ])
    expect(families.get('kv_watches')?.samples.get('')).toEqual([{ labels: {}, value: 2 }])
  })

  it('whatever names, labels and numbers come, the text can be read, and says the same', () => {
    const names = fc.stringMatching(/^[a-z]{1,5}(\.[a-z]{1,5}){0,2}$/)
    const unit = fc.constantFrom('"', '\\', '\n', 'n', ',', '=', '{', '}', ' ', '#', 'é', '\r')
    const labels = fc.oneof(fc.string({ unit }), fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(names, labels, fc.nat(), (name, label, value) => {
        const metrics = new ServiceMetrics()
        metrics.counter(name, value, { 'some.label': label })
        const text = metrics.render(nothing)
        const family = readText(text).get(`${name.replaceAll('.', '_')}_total`)
        expect(family?.samples.get('')).toEqual([{ labels: { some_label: label }, value }])
      }),
    )
  })

  it('too many series are refused and counted, and those that are known go on', () => {
    const metrics = new ServiceMetrics()
    for (let label = 0; label < MAX_SERIES + 7; label += 1) {
      metrics.counter('n', 1, { label: String(label) })
    }
    metrics.counter('n', 1, { label: '0' })
    const families = rendered(metrics)
    expect(families.get('n_total')?.samples.get('')).toHaveLength(MAX_SERIES)
    expect(families.get('n_total')?.samples.get('')?.[0]).toEqual({
      labels: { label: '0' },
      value: 2,
    })
    expect(families.get('kv_metrics_refused_total')?.samples.get('')?.[0]?.value).toBe(7)
  })

  it('what is known of each peer is there; what is not known is left out', () => {
    const peer = {
      heardAgoMs: 250,
      sent: 7,
      received: 5,
      dropped: 2,
      connected: true,
      problem: null,
    }
    const problem = { reason: 'members', message: 'It was started with other members.' } as const
    const peers = { b: peer, c: { ...peer, heardAgoMs: null, connected: null, problem } }
    const samples = samplesOf({ status: { ...status, peers } })
    expect(samples('paxos_peer_heard_ago_seconds')).toEqual([
      { labels: { peer: 'b' }, value: 0.25 },
    ])
    expect(samples('paxos_peer_connected')).toEqual([{ labels: { peer: 'b' }, value: 1 }])
    expect(samples('paxos_peer_problem')).toEqual([
      { labels: { peer: 'c', reason: 'members' }, value: 1 },
    ])
    expect(samples('paxos_peer_frames_dropped_total')).toEqual([
      { labels: { peer: 'b' }, value: 2 },
      { labels: { peer: 'c' }, value: 2 },
    ])
  })

  it('what the transport and the HTTP server count is there, by peer, reason and code', () => {
    const peer = {
      isConnected: true,
      incarnation: null,
      sent: 7,
      received: 5,
      dropped: 3,
      problem: null,
    }
    const samples = samplesOf({
      transport: { peers: new Map([['b', peer]]), refused: { identity: 3 } },
      http: {
        connections: 4,
        streams: 2,
        connectionsCut: 1,
        requests: 2,
        receivedBytes: 10,
        unsentBytes: 20,
        refused: new Map([['forbidden', 6]]),
      },
    })
    expect(samples('paxos_transport_unsent_frames_total')).toEqual([
      { labels: { peer: 'b' }, value: 3 },
    ])
    expect(samples('paxos_transport_refused_total')).toEqual([
      { labels: { reason: 'identity' }, value: 3 },
    ])
    expect(samples('kv_http_refused_total')).toEqual([{ labels: { code: 'forbidden' }, value: 6 }])
    expect(samples('kv_http_unsent_bytes')).toEqual([{ labels: {}, value: 20 }])
  })

  it('are served as Prometheus asks for them', async () => {
    const { url, metrics } = await serving()
    metrics.counter('paxos.proposals', 3)
    const { status: code, headers, body } = await raw(url, '/metrics')
    expect(code).toBe(200)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(readText(body).get('paxos_proposals_total')?.samples.get('')?.[0]?.value).toBe(3)
  })
})
