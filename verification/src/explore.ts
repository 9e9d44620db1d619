/**
 * `pnpm explore`: visits every state that small configurations can reach, on the real classes of
 * core, and says how many there are; and of a promise that can be broken, the shortest way to it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { explore, formatTrace, replay, tableOf } from '@paxos/testkit/explore'
import type { Exploration, Trace } from '@paxos/testkit/explore'
import { Command, InvalidArgumentError, Option } from 'commander'
import { configurations, modelOf } from './explore-models.ts'
import type { ModelName, Size } from './explore-models.ts'
import { progressLine } from './explore-progress.ts'

interface Options {
  readonly model: ModelName | 'all'
  readonly size: Size
  readonly seconds: number
  readonly save?: string
  readonly replay?: string
}

const HEADER = [
  'model',
  'states',
  'transitions',
  'depth',
  'visited',
  'folded',
  'outcomes',
  'seconds',
  'states/s',
  'configuration',
]

const program = new Command('explore')
  .description('visits every state that a few nodes can reach, on the real classes of core')
  .addOption(
    new Option('--model <name>', 'which classes')
      .choices(['essential', 'practical', 'multi', 'members', 'all'])
      .default('all'),
  )
  .addOption(
    new Option('--size <size>', 'small ones end within seconds; full ones go on until --seconds')
      .choices(['small', 'full'])
      .default('small'),
  )
  .option('--seconds <seconds>', 'how long each configuration may take', positive, 60)
  .option('--save <file>', 'write the trace of a broken promise to this file')
  .option('--replay <file>', 'run a saved trace again, on the classes as they are now')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const options = program.opts<Options>()
process.exitCode = options.replay === undefined ? await visit(options) : again(options.replay)

async function visit({ model, size, seconds, save }: Options): Promise<number> {
  const rows: string[][] = []
  let exitCode = 0
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  for (const { model: made, fold } of configurations(model, size)) {
    if (stop.signal.aborted) break
    const progress = progressLine(`${made.name}: ${made.description}`)
    const beganMs = performance.now()
    // A timer of our own: Node 20 may collect a signal made of others before it is aborted.
    const time = new AbortController()
    const end = () => time.abort()
    const timer = setTimeout(end, seconds * 1000)
    stop.signal.addEventListener('abort', end)
    // oxlint-disable-next-line no-await-in-loop -- one after another: each takes all the memory that it can get
    const found = await explore(made, { fold, signal: time.signal, onProgress: progress.set })
    clearTimeout(timer)
    stop.signal.removeEventListener('abort', end)
    progress.end()
    const folds = fold && found.refuted === null
    rows.push(rowOf(made, found, folds, (performance.now() - beganMs) / 1000))
    if (found.refuted !== null) console.log(`${made.name} is not folded: ${found.refuted}`)
    const missing = found.complete ? found.neverChosen : []
    for (const value of missing) {
      exitCode = 1
      console.log(`${made.name} violated: progress: no run chooses ${JSON.stringify(value)}`)
    }
    if (found.violation === null) continue
    exitCode = 1
    console.log(formatTrace(made, found.violation))
    console.log(`${made.name} violated: ${found.violation.broken}`)
    if (save !== undefined) writeFileSync(save, `${JSON.stringify(found.violation, null, 2)}\n`)
  }
  console.log(tableOf([HEADER, ...rows]))
  return exitCode
}

function rowOf(
  { name, description }: { readonly name: string; readonly description: string },
  { states, transitions, depth, complete, outcomes, violation }: Exploration,
  folds: boolean,
  seconds: number,
): string[] {
  const visited = violation !== null ? 'BROKEN' : complete ? 'all' : `to depth ${depth}`
  return [
    name,
    states.toLocaleString('en'),
    transitions.toLocaleString('en'),
    String(depth),
    visited,
    folds ? 'yes' : 'no',
    outcomes.toLocaleString('en'),
    seconds.toFixed(1),
    Math.round(states / seconds).toLocaleString('en'),
    description,
  ]
}

function again(file: string): number {
  let trace: Trace
  try {
    trace = traceIn(file)
  } catch (error) {
    console.error(`error: ${file} holds no trace: ${String(error)}`)
    return 2
  }
  const model = modelOf(trace.model, trace.options)
  if (model === null) {
    console.error(`error: ${file} is a trace of ${trace.model}, which is no model here.`)
    return 2
  }
  console.log(formatTrace(model, trace))
  const { broken, impossible } = replay(model, trace)
  if (impossible !== null) console.log(`It cannot happen any more. ${impossible}.`)
  else if (broken === null) console.log('It runs to its end, and breaks nothing any more.')
  else console.log(`Still broken, after step ${broken.afterSteps}: ${broken.promise}`)
  return broken === null ? 0 : 1
}

function traceIn(file: string): Trace {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const isTrace =
    typeof parsed === 'object' &&
    parsed !== null &&
    'steps' in parsed &&
    Array.isArray(parsed.steps) &&
    parsed.steps.every(isStep) &&
    'model' in parsed &&
    'broken' in parsed
  if (!isTrace) throw new TypeError('not what --save writes')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its steps are checked again as they are taken
  return parsed as unknown as Trace
}

function isStep(step: unknown): boolean {
  if (typeof step !== 'object' || step === null || !('node' in step && 'action' in step))
    return false
  const { action } = step
  if (typeof action !== 'object' || action === null || !('type' in action)) return false
  switch (action.type) {
    case 'receive':
    case 'receive and crash':
      return 'from' in action && 'message' in action && typeof action.message === 'object'
    case 'command':
      return 'name' in action
    case 'crash':
      return 'durable' in action
    case 'wipe':
      return true
    default:
      return action.type === 'saved'
  }
}

function positive(text: string): number {
  const number = Number(text)
  if (Number.isFinite(number) && number > 0) return number
  throw new InvalidArgumentError('Give a number above 0.')
}
