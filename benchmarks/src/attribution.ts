/**
 * Whose time it is that a profile of the processor shows: each sample belongs to the stage of the
 * innermost function that has one, so that what Node and libraries do is charged to who asked for it.
 * Pure. It knows the files of the packages by name; a file that is new goes to the stage of its caller.
 */
import type { Profiler } from 'node:inspector'

/** What happens to a command, in this order; then what belongs to none. */
export const STAGES = [
  'callers',
  'encode',
  'propose',
  'save',
  'send',
  'receive',
  'decode',
  'accept',
  'apply',
  'answer',
  'host',
  'garbage',
  'system calls',
  'event loop',
] as const

export type Stage = (typeof STAGES)[number]

/** A function by its file, from the package on, and its name: the first that matches counts. */
const RULES: readonly (readonly [file: RegExp, name: RegExp, stage: Stage | 'idle'])[] = [
  [/^$/, /^\(idle\)$/, 'idle'],
  [/^$/, /^\(garbage collector\)$/, 'garbage'],
  [/^$/, /^\(program\)$/, 'system calls'],

  [/^core\/dist\/wire\/index/, /^encode$/, 'encode'],
  [/^core\/dist\/wire\/index/, /^decode$/, 'decode'],
  [/^core\/dist\/wire\/writer/, /./, 'encode'],
  [/^core\/dist\/wire\/reader/, /./, 'decode'],
  [/^core\/dist\/multi\/entry/, /^encode/, 'encode'],
  [/^core\/dist\/multi\/entry/, /^decode/, 'decode'],
  [/^core\/dist\/multi\/sessions/, /./, 'apply'],
  [/^core\/dist\/multi\/multi-paxos/, /^(?:propose|forward)$/, 'propose'],
  [/^core\/dist\/multi\/multi-paxos/, /^(?:receive|saved|tick)$/, 'accept'],

  [/^replica\/dist\/(?:applier|machine|stored-result|snapshots)/, /./, 'apply'],
  [/^replica\/dist\/outcome/, /^(?:resolve|reject|settle)$/, 'answer'],
  [/^replica\/dist\/proposals/, /^(?:applied|refused|settle)$/, 'answer'],
  [/^replica\/dist\/(?:proposals|hand-over|calls|client-session|outbox|space)/, /./, 'propose'],
  [/^replica\/dist\/data/, /./, 'apply'],
  [/^replica\/dist\//, /./, 'host'],

  [/^durability-[a-z]+\/dist\//, /./, 'save'],
  [/^adapter-kit\/dist\/(?:stores|files)\//, /./, 'save'],
  [/^adapter-kit\/dist\/\w+\/(?:outbox|pace|pair)/, /./, 'send'],
  [/^adapter-kit\/dist\/\w+\/(?:inbox|reassembly)/, /./, 'receive'],
  [/^(?:adapter-kit|transport-[a-z]+)\/dist\//, /^(?:send|write|#?flush|#?drain)/, 'send'],
  [/^(?:adapter-kit|transport-[a-z]+)\/dist\//, /^#?(?:receive|on[A-Z])/, 'receive'],

  // What the profile itself costs is no part of it.
  [/^benchmarks\/dist\/(?:profile|usage|member)/, /./, 'idle'],
  [/^benchmarks\/dist\/(?:measure|replicated)/, /./, 'callers'],

  [/^node:(?:internal\/fs|fs)/, /./, 'save'],
  [/^node:dgram/, /^(?:onMessage|onError)$/, 'receive'],
  [/^node:internal\/stream_base_commons/, /^onStreamRead$/, 'receive'],
  [/^node:internal\/http2/, /^(?:onSession|onStream|onFrame)/, 'receive'],
  [/^node:internal\/stream_base_commons/, /^(?:onWriteComplete|afterWrite)/, 'send'],
  [/^node:dgram/, /^(?:afterSend|doSend)$/, 'send'],
]

/** What the innermost of frames without a stage counts as. */
const OTHERWISE: Stage = 'event loop'

/** The share of each stage in all that is not idle: together 1, or nothing. */
export function sharesOf(profile: Profiler.Profile): Readonly<Record<Stage, number>> {
  const stages = stagesOf(profile)
  const shares = Object.fromEntries(STAGES.map((stage) => [stage, 0]))
  let total = 0
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const stage = stages.get(id)
    if (stage === undefined || stage === 'idle') continue
    const took = Math.max(0, profile.timeDeltas?.[index] ?? 0)
    shares[stage] = (shares[stage] ?? 0) + took
    total += took
  }
  const share = (stage: Stage): number => (total === 0 ? 0 : (shares[stage] ?? 0) / total)
  return {
    callers: share('callers'),
    encode: share('encode'),
    propose: share('propose'),
    save: share('save'),
    send: share('send'),
    receive: share('receive'),
    decode: share('decode'),
    accept: share('accept'),
    apply: share('apply'),
    answer: share('answer'),
    host: share('host'),
    garbage: share('garbage'),
    'system calls': share('system calls'),
    'event loop': share('event loop'),
  }
}

/** By the id of each node of the tree. */
function stagesOf({ nodes }: Profiler.Profile): Map<number, Stage | 'idle'> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const stages = new Map<number, Stage | 'idle'>()
  const stageOf = (id: number): Stage | 'idle' => {
    const known = stages.get(id)
    if (known !== undefined) return known
    const frame = byId.get(id)?.callFrame
    const parent = parents.get(id)
    const own = frame === undefined ? null : stageOfFrame(frame)
    const inherited = parent === undefined ? null : stageOf(parent)
    // Node's own functions are charged to who called them, if anybody did.
    const isOfNode = frame?.url.startsWith('node:') === true
    const isCalled = inherited !== null && inherited !== OTHERWISE
    const stage = (isOfNode && isCalled ? inherited : own) ?? inherited ?? OTHERWISE
    stages.set(id, stage)
    return stage
  }
  for (const { id } of nodes) stageOf(id)
  return stages
}

function stageOfFrame({
  url,
  functionName,
}: Profiler.ProfileNode['callFrame']): Stage | 'idle' | null {
  const file = url.replace(/^file:.*\/(?=[\w-]+\/dist\/)/, '')
  const found = RULES.find(([path, name]) => path.test(file) && name.test(functionName))
  return found?.[2] ?? null
}
