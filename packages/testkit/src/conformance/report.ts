/**
 * What a suite has found: which promises are kept, which are not, and which ask for something that
 * the adapter or its harness does not have. It is filled in while the runner runs, whichever that is,
 * and must never make a scenario pass or fail.
 */
import type { Runner } from '../runner.ts'

/** What became of one promise. */
export type Finding =
  /** Its scenario has not ended, or was never begun. */
  | { readonly outcome: 'open' }
  | { readonly outcome: 'kept' }
  | { readonly outcome: 'broken'; readonly error: unknown }
  /** It asks for a capability that is not there, for the reason that was given. */
  | { readonly outcome: 'not applicable'; readonly capability: string; readonly reason: string }

/** One promise of a contract, and what was found. */
export type PromiseFinding = Finding & {
  /** The part of the contract. */
  readonly part: string
  readonly title: string
}

/** The findings of one suite. It changes until every scenario has ended. */
export interface ConformanceReport {
  readonly contract: 'transport' | 'durability'
  /** One for each promise, in the order of the suite. */
  readonly promises: readonly PromiseFinding[]
  readonly kept: number
  readonly broken: number
  readonly notApplicable: number
  /** Promises whose scenario was not run, or did not end. */
  readonly open: number
  /** `72 of 75 promises kept`, which are not, and which capabilities are missing and why. */
  toString(): string
}

/** Says that a scenario does not apply. It then has to end without an error. */
export type Lacks = (capability: string, reason: string) => void

/** Defines scenarios at a runner, and takes down how they end. */
export interface Recorder {
  readonly describe: Runner['describe']
  readonly it: (title: string, body: (lacks: Lacks) => Promise<void>) => void
  readonly report: ConformanceReport
}

export function recorder(contract: ConformanceReport['contract'], runner: Runner): Recorder {
  const promises: PromiseFinding[] = []
  let part = ''

  function it(title: string, body: (lacks: Lacks) => Promise<void>): void {
    const place = { part, title }
    const index = promises.push({ ...place, outcome: 'open' }) - 1
    runner.it(title, async () => {
      let finding: Finding = { outcome: 'kept' }
      try {
        await body((capability, reason) => {
          finding = { outcome: 'not applicable', capability, reason }
        })
      } catch (error) {
        finding = { outcome: 'broken', error }
        throw error
      } finally {
        promises[index] = { ...place, ...finding }
      }
    })
  }

  return {
    describe(title, body) {
      part = title
      runner.describe(title, body)
    },
    it,
    report: reportOf(contract, promises),
  }
}

/** The report of `promises`, also of those that change later. */
export function reportOf(
  contract: ConformanceReport['contract'],
  promises: readonly PromiseFinding[],
): ConformanceReport {
  const count = (wanted: Finding['outcome']): number =>
    promises.filter(({ outcome }) => outcome === wanted).length
  return {
    contract,
    promises,
    get kept() {
      return count('kept')
    },
    get broken() {
      return count('broken')
    },
    get notApplicable() {
      return count('not applicable')
    },
    get open() {
      return count('open')
    },
    toString: () => textOf(contract, promises),
  }
}

/** What keeps a contract, in words. */
export const KINDS = { transport: 'a transport', durability: 'a durability adapter' } as const

/** What is missing, why, and how many promises ask for it. */
export function missing(
  promises: readonly PromiseFinding[],
): readonly { readonly capability: string; readonly reason: string; readonly promises: number }[] {
  const found = new Map<string, { capability: string; reason: string; promises: number }>()
  for (const promise of promises) {
    if (promise.outcome !== 'not applicable') continue
    const { capability, reason } = promise
    const known = found.get(capability) ?? { capability, reason, promises: 0 }
    known.promises += 1
    found.set(capability, known)
  }
  return [...found.values()]
}

function textOf(
  contract: ConformanceReport['contract'],
  promises: readonly PromiseFinding[],
): string {
  const kept = promises.filter(({ outcome }) => outcome === 'kept').length
  const lines = [`${kept} of ${promises.length} promises of ${KINDS[contract]} kept`]
  for (const { capability, reason, promises: asking } of missing(promises)) {
    lines.push(`  not applicable: ${asking} without ${capability}: ${reason}`)
  }
  for (const promise of promises) {
    const { part, title } = promise
    if (promise.outcome === 'open') lines.push(`  not run, or not ended: ${part} ${title}`)
    if (promise.outcome === 'broken') {
      lines.push(`  BROKEN: ${part} ${title}`, ...indented(promise.error))
    }
  }
  return lines.join('\n')
}

function indented(error: unknown): string[] {
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return words.split('\n').map((line) => `      ${line}`)
}
