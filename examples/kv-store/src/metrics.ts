/**
 * Metrics in the text format of Prometheus: what the replica counts and measures, and what its
 * status says. Must never grow without bound, whatever it is told.
 */
import type { TransportFigures } from '@paxos/core'
import type { PeerStatus } from '@paxos/replica'
import { MAX_SERIES } from './limits.ts'
import type { HttpFigures } from './listen.ts'
import type { ReplicaStatus } from './replica.ts'

/** The media type of version 0.0.4 of the format. */
export const METRICS_TEXT = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string>>

/** Upper bounds of the buckets of durations, in seconds: from a fast disk to a long election. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Upper bounds of all other buckets: powers of four, from a single thing to a frame of 1 MiB. */
const SIZE_BUCKETS = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576]

interface Counter {
  readonly labels: Labels
  total: number
}

interface Histogram {
  readonly labels: Labels
  /** How many values were at most the bound of the same position. */
  readonly counts: number[]
  sum: number
  count: number
}

/** What is shown beside what was counted and measured. */
export interface Rendered {
  readonly status: ReplicaStatus
  readonly watches: number
  readonly transport: TransportFigures | null
  readonly http: HttpFigures | null
}

/** Keeps what a replica tells it: hand it over as the replica's `metrics`. */
export class ServiceMetrics {
  readonly #counters = new Map<string, Map<string, Counter>>()
  readonly #histograms = new Map<string, Map<string, Histogram>>()
  #series = 0
  #refused = 0

  counter(name: string, add: number, attributes: Labels = {}): void {
    const counter = this.#find(this.#counters, name, attributes, (labels) => ({ labels, total: 0 }))
    if (counter !== null) counter.total += add
  }

  histogram(name: string, value: number, attributes: Labels = {}): void {
    const bounds = boundsOf(name)
    const histogram = this.#find(this.#histograms, name, attributes, (labels) => {
      return { labels, counts: bounds.map(() => 0), sum: 0, count: 0 }
    })
    if (histogram === null) return
    histogram.sum += value
    histogram.count += 1
    for (const [index, bound] of bounds.entries()) {
      if (value <= bound) histogram.counts[index] = (histogram.counts[index] ?? 0) + 1
    }
  }

  /** Everything as text. */
  render({ status, watches, transport, http }: Rendered): string {
    return [
      ...[...this.#counters].flatMap(([name, series]) => counterLines(name, series)),
      ...[...this.#histograms].flatMap(([name, series]) => histogramLines(name, series)),
      ...statusLines(status),
      ...peerLines(status.peers),
      ...(transport === null ? [] : transportLines(transport)),
      ...(http === null ? [] : httpLines(http)),
      ...family('kv_watches', 'gauge', 'Watches on this node.', [
        sample('kv_watches', {}, watches),
      ]),
      ...family('kv_metrics_refused_total', 'counter', 'Measurements of too many series.', [
        sample('kv_metrics_refused_total', {}, this.#refused),
      ]),
      '',
    ].join('\n')
  }

  /** The series of these labels; `null` when there are too many. */
  #find<T>(
    families: Map<string, Map<string, T>>,
    name: string,
    labels: Labels,
    create: (labels: Labels) => T,
  ): T | null {
    const key = JSON.stringify(Object.entries(labels).toSorted(byName))
    const found = families.get(name)?.get(key)
    if (found !== undefined) return found
    if (this.#series >= MAX_SERIES) {
      this.#refused += 1
      return null
    }
    this.#series += 1
    const created = create(labels)
    const series = families.get(name) ?? new Map<string, T>()
    families.set(name, series.set(key, created))
    return created
  }
}

function counterLines(name: string, series: ReadonlyMap<string, Counter>): string[] {
  const metric = `${metricName(name)}_total`
  const samples = [...series.values()].map(({ labels, total }) => sample(metric, labels, total))
  return family(metric, 'counter', `Sum of ${name}.`, samples)
}

function histogramLines(name: string, series: ReadonlyMap<string, Histogram>): string[] {
  const metric = metricName(name)
  const bounds = boundsOf(name)
  const samples = [...series.values()].flatMap(({ labels, counts, sum, count }) => [
    ...bounds.map((bound, index) =>
      sample(`${metric}_bucket`, { ...labels, le: String(bound) }, counts[index] ?? 0),
    ),
    sample(`${metric}_bucket`, { ...labels, le: '+Inf' }, count),
    sample(`${metric}_sum`, labels, sum),
    sample(`${metric}_count`, labels, count),
  ])
  return family(metric, 'histogram', `Distribution of ${name}.`, samples)
}

function statusLines(status: ReplicaStatus): string[] {
  const { members } = status
  const gauge = (name: string, help: string, value: number): string[] =>
    family(name, 'gauge', help, [sample(name, {}, value)])
  const lag = Object.entries(status.lag).flatMap(([peer, slots]) =>
    slots === null ? [] : [sample('paxos_lag_slots', { peer }, slots)],
  )
  return [
    ...gauge('paxos_is_leader', 'Whether this node leads.', status.role === 'leader' ? 1 : 0),
    ...gauge('paxos_has_leader', 'Whether it knows a leader.', status.leader === null ? 0 : 1),
    ...gauge('paxos_chosen_through', 'Every slot up to this is chosen.', status.chosenThrough),
    ...gauge('paxos_applied_through', 'Every slot up to this is applied.', status.appliedThrough),
    ...gauge('paxos_behind_slots', 'Slots that it has still to apply.', status.behindBy),
    ...gauge('paxos_snapshot_through', 'What the snapshot holds.', status.snapshotThrough),
    ...gauge('paxos_in_flight', 'Proposals that are being agreed on.', status.inFlight),
    ...gauge('paxos_queued', 'Proposals that wait for their turn.', status.queued),
    ...gauge('paxos_sessions', 'Sessions whose results are kept.', status.sessions),
    ...gauge('paxos_members_version', 'Grows with each change of members.', members.version),
    ...gauge('paxos_members_complete', 'Whether that change is complete.', +members.isComplete),
    ...family('paxos_members', 'gauge', 'Members, by what they are.', [
      sample('paxos_members', { role: 'voter' }, countOf(status, 'voter')),
      sample('paxos_members', { role: 'learner' }, countOf(status, 'learner')),
    ]),
    ...gauge('paxos_is_voter', 'Whether this node votes.', status.standing === 'voter' ? 1 : 0),
    ...family('paxos_lag_slots', 'gauge', 'How far a peer is behind, in slots.', lag),
  ]
}

function countOf({ members: { members } }: ReplicaStatus, role: 'voter' | 'learner'): number {
  return members.filter((member) => member.role === role).length
}

/** Frames that went either way are counted by the replica itself, as paxos.peer.frames.*. */
function peerLines(peers: ReplicaStatus['peers']): string[] {
  const each = (
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    value: (of: PeerStatus) => number | null,
    labels: (of: PeerStatus) => Labels = () => ({}),
  ): string[] =>
    family(
      name,
      type,
      help,
      Object.entries(peers).flatMap(([peer, status]) => {
        const found = value(status)
        return found === null ? [] : [sample(name, { peer, ...labels(status) }, found)]
      }),
    )
  return [
    ...each(
      'paxos_peer_heard_ago_seconds',
      'gauge',
      'How long ago a peer was heard.',
      ({ heardAgoMs }) => (heardAgoMs === null ? null : heardAgoMs / 1000),
    ),
    ...each(
      'paxos_peer_connected',
      'gauge',
      'Whether a connection to the peer stands.',
      ({ connected }) => (connected === null ? null : Number(connected)),
    ),
    ...each(
      'paxos_peer_problem',
      'gauge',
      'Peers with which something is wrong, and what.',
      ({ problem }) => (problem === null ? null : 1),
      ({ problem }) => (problem === null ? {} : { reason: problem.reason }),
    ),
    ...each(
      'paxos_peer_frames_dropped_total',
      'counter',
      'Frames of a peer that did not count.',
      ({ dropped }) => dropped,
    ),
  ]
}

function transportLines({ peers, refused }: TransportFigures): string[] {
  const [unsent, turnedAway] = [
    'paxos_transport_unsent_frames_total',
    'paxos_transport_refused_total',
  ]
  return [
    ...family(
      unsent,
      'counter',
      'Frames that made room for newer ones before they were sent.',
      [...peers].map(([peer, { dropped }]) => sample(unsent, { peer }, dropped)),
    ),
    ...family(
      turnedAway,
      'counter',
      'Connections and frames of others that were turned away.',
      Object.entries(refused).map(([reason, count]) => sample(turnedAway, { reason }, count)),
    ),
  ]
}

function httpLines(http: HttpFigures): string[] {
  const one = (name: string, type: 'gauge' | 'counter', help: string, value: number): string[] =>
    family(name, type, help, [sample(name, {}, value)])
  return [
    ...one('kv_http_connections', 'gauge', 'Connections of clients.', http.connections),
    ...one(
      'kv_http_connections_cut_total',
      'counter',
      'Connections that made room for others, or found none.',
      http.connectionsCut,
    ),
    ...one('kv_http_streams', 'gauge', 'Connections with many requests at once.', http.streams),
    ...one('kv_http_requests', 'gauge', 'Requests that are being answered.', http.requests),
    ...one('kv_http_received_bytes', 'gauge', 'Bodies in memory.', http.receivedBytes),
    ...one('kv_http_unsent_bytes', 'gauge', 'Answers that are not taken.', http.unsentBytes),
    ...family(
      'kv_http_refused_total',
      'counter',
      'Requests that were refused before the service saw them.',
      [...http.refused].map(([code, count]) => sample('kv_http_refused_total', { code }, count)),
    ),
  ]
}

/** A family of samples, with what the format wants before them; nothing when there are none. */
function family(
  metric: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
  samples: readonly string[],
): string[] {
  if (samples.length === 0) return []
  const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return [`# HELP ${metric} ${text}`, `# TYPE ${metric} ${type}`, ...samples]
}

function sample(metric: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${labelName(name)}="${quoted(text)}"`)
  return `${metric}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}`
}

function quoted(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** The format writes the infinities in its own way. */
function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}

/** 'paxos.commit.duration' becomes 'paxos_commit_duration_seconds': the unit is part of the name. */
function metricName(name: string): string {
  return labelName(isDuration(name) ? `${name}.seconds` : name)
}

function labelName(name: string): string {
  const legal = name.replaceAll(/[^a-zA-Z0-9_]/g, '_')
  return /^\d/.test(legal) ? `_${legal}` : legal
}

function boundsOf(name: string): readonly number[] {
  return isDuration(name) ? DURATION_BUCKETS : SIZE_BUCKETS
}

function isDuration(name: string): boolean {
  return name.endsWith('.duration')
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1
}
