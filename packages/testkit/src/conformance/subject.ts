/**
 * What a module says of the adapter that `paxos-conformance` is to test. The module is a stranger's:
 * what it exports is looked at before it is believed.
 */
import { InvalidArgumentError, requireOptions } from '@paxos/core'
import { durabilityConformance } from '../durability/conformance.ts'
import type { DurabilityHarness, NotApplicable } from '../durability/harness.ts'
import type { Runner } from '../runner.ts'
import { transportConformance } from '../transport/conformance.ts'
import type { TransportNotApplicable } from '../transport/definer.ts'
import type { TransportHarness } from '../transport/world.ts'
import type { ConformanceReport } from './report.ts'

/** One adapter, in one of the ways in which it can be used. */
export type Subject =
  | {
      /** Tells it from the others of the module. Default: ''. */
      readonly name?: string
      /** What `transportConformance` is given. */
      readonly transport: () => TransportHarness
      readonly notApplicable?: TransportNotApplicable
    }
  | {
      readonly name?: string
      /** What `durabilityConformance` is given. */
      readonly durability: () => DurabilityHarness | Promise<DurabilityHarness>
      readonly notApplicable?: NotApplicable
    }

const WAY_OUT =
  'Write `export default { transport: () => ({ … }) }`, or `durability`, or an array of such, each with a `name`.'

/** What the module exports by default. Throws InvalidArgumentError when that is nothing to test. */
export function subjectsOf(module: unknown): readonly Subject[] {
  const found: unknown =
    typeof module === 'object' && module !== null ? Reflect.get(module, 'default') : undefined
  const subjects: readonly unknown[] = Array.isArray(found) ? found : [found]
  if (found === undefined || subjects.length === 0) {
    throw new InvalidArgumentError(`It has no default export. ${WAY_OUT}`)
  }
  return subjects.map(requireSubject)
}

function requireSubject(subject: unknown): Subject {
  requireOptions('the default export', subject, [
    'name',
    'transport',
    'durability',
    'notApplicable',
  ])
  if (isSubject(subject)) return subject
  throw new InvalidArgumentError(`Its default export has no function to make a harness. ${WAY_OUT}`)
}

function isSubject(subject: unknown): subject is Subject {
  if (typeof subject !== 'object' || subject === null) return false
  const makers = ['transport', 'durability'].map((kind) => typeof Reflect.get(subject, kind))
  return makers.filter((kind) => kind === 'function').length === 1
}

/** Defines the suite of `subject`. */
export function conformanceOf(subject: Subject, runner: Runner): ConformanceReport {
  return 'transport' in subject
    ? transportConformance(subject.transport, runner, subject.notApplicable)
    : durabilityConformance(subject.durability, runner, subject.notApplicable)
}
