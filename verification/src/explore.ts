/**
 * `pnpm explore`: visits every state that small clusters of core's real classes can reach, and says
 * how many there were. A broken promise is printed as the shortest way to it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { explore, replay, tableOf } from '@paxos/testkit/explore'
import type { ExploredTrace } from '@paxos/testkit/explore'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CONFIGURATIONS } from './explore-configurations.ts'
import type { Size } from './explore-configurations.ts'

interface Options {
  readonly model: string
  readonly size: Size
  readonly seconds: number
  readonly save?: string
  readonly replay?: string
}

const MODELS = ['essential', 'practical', 'multi'] as const

const program = new Command('explore')
  .description('visits every state that a small cluster can reach')
  .addOption(new Option('--model <name>', 'which').choices([...MODELS, 'all']).default('all'))
  .addOption(
    new Option('--size <size>', 'small: all states, in seconds; full: as far as the time goes')
      .choices(['small', 'full'])
      .default('small'),
  )
  .option('--seconds <count>', 'how long a model of the full size may take', positive, 60)
  .option('--save <file>', 'where to write the way to a broken promise')
  .option(
    '--replay <file>',
    'goes a way that was saved once more, and says whether it still breaks',
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const options = program.opts<Options>()
process.exitCode = options.replay === undefined ? await all(options) : again(options.replay)

async function all({ model, size, seconds, save }: Options): Promise<number> {
  for (const { name, make, maxStates } of CONFIGURATIONS[size]) {
    if (model !== 'all' && model !== name) continue
    const beganMs = performance.now()
    const timeout = size === 'full' ? AbortSignal.timeout(seconds * 1000) : undefined
    const found = await explore(make(), { maxStates, signal: timeout, onProgress })
    const took = (performance.now() - beganMs) / 1000
    if (process.stderr.isTTY) process.stderr.write('\r')
    const { configuration, states, transitions, depth, complete, trace } = found
    const extent = complete ? 'every state' : `stopped at depth ${depth}`
    console.log(
      `${name}: ${configuration}\n  ${states} states, ${transitions} transitions, depth ${depth}, ` +
        `${extent}, ${took.toFixed(1)} s (${Math.round(states / took)} states a second)`,
    )
    if (trace === null) continue
    console.log(`\n${tableOf(trace)}`)
    if (save !== undefined) {
      writeFileSync(save, JSON.stringify({ ...trace, configuration }, null, 2))
      console.log(`\nTo go that way again: pnpm explore --replay ${save}`)
    }
    return 1
  }
  return 0
}

function again(file: string): number {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of --save, and replay() finds no step that is none
  const trace = JSON.parse(readFileSync(file, 'utf8')) as ExploredTrace & { configuration: string }
  const known = [...CONFIGURATIONS.small, ...CONFIGURATIONS.full].map(({ make }) => make())
  const model = known.find(({ configuration }) => configuration === trace.configuration)
  if (model === undefined) {
    console.error(`error: no model is configured as ${trace.configuration}.`)
    return 2
  }
  const violation = replay(model, trace)
  console.log(violation ?? 'That way breaks no promise any more.')
  return violation === null ? 0 : 1
}

function onProgress(states: number, depth: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${states} states, depth ${depth}`)
}

function positive(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('Give a number above 0.')
}
