/**
 * All of the program `paxos-conformance` but the process: runs the suites of an adapter without a test
 * runner, says what it found, and writes the summary into a README when it is told to. Must write to no
 * file that was not named.
 */
import { parseArgs } from 'node:util'
import { badgeOf, withBadge } from './badge.ts'
import type { NamedReport } from './badge.ts'
import type { PromiseFinding } from './report.ts'
import { runConformance } from './run.ts'
import { conformanceOf, subjectsOf } from './subject.ts'
import type { Subject } from './subject.ts'

/** What the command may do to the world. */
export interface CommandPlatform {
  /** Imports a module by its path. */
  readonly load: (path: string) => Promise<unknown>
  readonly read: (path: string) => string
  readonly write: (path: string, text: string) => void
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** All is kept; something is not; the command was used in a wrong way. */
const [KEPT, BROKEN, MISUSED] = [0, 1, 2]

const MAX_TIMEOUT_SECONDS = 3_600

export const HELP = `Usage: paxos-conformance HARNESS [options]

Runs the conformance suite of a transport or a durability adapter, without a test runner.

HARNESS is a module whose default export says what to test:

  export default {
    transport: () => ({            // what transportConformance() is given, or
      transport: () => mine(),     // durability: () => ({ durability: () => mine() })
      listen: () => 'mine://127.0.0.1:0',
      deserted: 'mine://127.0.0.1:9',
      malformed: ['', 'mine:'],
    }),
    notApplicable: { connections: 'datagrams have none' },
  }

or an array of such, each with a name. A module in TypeScript needs a loader, for instance
NODE_OPTIONS='--import tsx'.

Options:
  --badge FILE       write the summary into FILE, between <!-- paxos-conformance --> and
                     <!-- /paxos-conformance -->, if all is kept and nothing was left out
  --only TEXT        only the promises that hold TEXT
  --timeout SECONDS  how long one promise may take; default 60
  --quiet            no progress, only the report
  --help             this

Exit code: 0 when every promise is kept or does not apply, 1 when one is broken, 2 for a wrong call.
`

interface Call {
  readonly harness: string
  readonly badge: string | undefined
  readonly only: string
  readonly timeoutMs: number
  readonly isQuiet: boolean
}

/** Resolves with the exit code. */
export async function runCommand(
  args: readonly string[],
  platform: CommandPlatform,
): Promise<number> {
  const { err, out } = platform
  const call = callOf(args)
  if (call === null) {
    out(HELP)
    return KEPT
  }
  if (typeof call === 'string') {
    err(`${call}\nTry --help.\n`)
    return MISUSED
  }
  let subjects: readonly Subject[]
  try {
    subjects = subjectsOf(await platform.load(call.harness))
    // Before an hour of work, and not after it.
    if (call.badge !== undefined) withBadge(platform.read(call.badge), '')
  } catch (error) {
    err(`${call.harness} cannot be used: ${wordsOf(error)}\n`)
    return MISUSED
  }
  const reports: NamedReport[] = []
  for (const subject of subjects) reports.push(await test(subject, call, platform))
  return finish(reports, call, platform)
}

async function test(subject: Subject, call: Call, { out }: CommandPlatform): Promise<NamedReport> {
  const { name = '' } = subject
  if (name !== '') out(`${name}\n`)
  let part = ''
  const onPromise = (found: PromiseFinding): void => {
    if (call.isQuiet) return
    if (found.part !== part) out(`  ${found.part}\n`)
    ;({ part } = found)
    out(`    ${markOf(found)} ${found.title}\n`)
  }
  const { only, timeoutMs } = call
  const report = await runConformance((runner) => conformanceOf(subject, runner), {
    only,
    timeoutMs,
    onPromise,
  })
  out(`${only === '' ? report.toString() : `of those with '${only}': ${shortOf(report)}`}\n`)
  return { name, report }
}

/** What a part of a suite has found: what was not asked for is not worth a word. */
function shortOf({ promises, kept, broken, notApplicable }: NamedReport['report']): string {
  const failed = promises.flatMap((found) =>
    found.outcome === 'broken'
      ? [`\n  BROKEN: ${found.part} ${found.title}\n      ${wordsOf(found.error)}`]
      : [],
  )
  return `${kept} kept, ${broken} broken, ${notApplicable} not applicable${failed.join('')}`
}

function finish(reports: readonly NamedReport[], call: Call, platform: CommandPlatform): number {
  if (reports.some(({ report }) => report.broken > 0)) return BROKEN
  if (reports.every(({ report }) => report.kept + report.notApplicable === 0)) {
    platform.err(`No promise holds '${call.only}'. Leave --only out to see all.\n`)
    return MISUSED
  }
  const { badge } = call
  if (badge === undefined) return KEPT
  if (reports.some(({ report }) => report.open > 0)) {
    platform.err(`${badge} stays as it is: not all was run. Leave --only out.\n`)
    return MISUSED
  }
  platform.write(badge, withBadge(platform.read(badge), badgeOf(reports)))
  platform.out(`${badge} says so.\n`)
  return KEPT
}

/** What was asked for; null for help, or what is wrong with it. */
function callOf(args: readonly string[]): Call | string | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        badge: { type: 'string' },
        only: { type: 'string' },
        timeout: { type: 'string' },
        quiet: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
    if (values.help === true) return null
    const [harness, another] = positionals
    if (harness === undefined) return 'Which module has the harness? Name it.'
    if (another !== undefined) return `One module at a time, and not ${another} as well.`
    const seconds = Number(values.timeout ?? 60)
    if (!(seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS)) {
      return `The timeout is '${values.timeout}'. Give seconds, from above 0 to ${MAX_TIMEOUT_SECONDS}.`
    }
    const { badge, only = '', quiet: isQuiet = false } = values
    return { harness, badge, only, timeoutMs: seconds * 1000, isQuiet }
  } catch (error) {
    return wordsOf(error)
  }
}

function markOf(found: PromiseFinding): string {
  if (found.outcome === 'kept') return '✓'
  return found.outcome === 'not applicable' ? `– (no ${found.capability})` : '✗'
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
