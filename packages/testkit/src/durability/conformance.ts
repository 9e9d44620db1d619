/**
 * What every durability adapter promises, as a suite that any adapter can run under any test
 * runner. Each scenario is a sentence of the contract in core's durability.ts. It must know nothing
 * of an adapter but what its harness says, and imports no runner.
 */
import assert from 'node:assert/strict'
import { recorder } from '../conformance/report.ts'
import type { ConformanceReport, Lacks } from '../conformance/report.ts'
import type { Runner } from '../runner.ts'
import { callScenarios } from './calls.ts'
import { contentScenarios } from './contents.ts'
import type { Definer } from './definer.ts'
import { has } from './harness.ts'
import type { DurabilityHarness, NotApplicable } from './harness.ts'
import { identityScenarios } from './identity.ts'
import { rewritingScenarios } from './rewriting.ts'
import { stagedScenarios } from './staged.ts'
import { survivalScenarios } from './survival.ts'
import { inWorld } from './world.ts'
import type { World } from './world.ts'

/**
 * Defines the suite: one `describe` for each part of the contract, one `it` for each promise.
 * `makeHarness` is called at the beginning of each scenario. Every capability that its harnesses
 * lack is to be named in `notApplicable` with the reason: a scenario fails when its capability is
 * missing without one, and when there is a reason and the capability too.
 *
 * Returns the report, which is complete when the runner has run every scenario.
 */
export function durabilityConformance(
  makeHarness: () => DurabilityHarness | Promise<DurabilityHarness>,
  runner: Runner,
  notApplicable: NotApplicable = {},
): ConformanceReport {
  const { describe, it, report } = recorder('durability', runner)
  const scenario = (title: string, body: (world: World, lacks: Lacks) => Promise<void>): void =>
    it(title, async (lacks) => inWorld(await makeHarness(), (world) => body(world, lacks)))
  const definer: Definer = {
    describe,
    scenario,
    scenarioStaged(title, body) {
      scenario(title, async (world, lacks) => {
        if (world.made().snapshots !== undefined) return await body(world)
        lacks('snapshots', 'the adapter takes them whole')
      })
    },
    scenarioWith(name, title, body) {
      const reason = notApplicable[name]
      if (reason !== undefined) {
        scenario(`${title} (not applicable: ${reason})`, async ({ harness }, lacks) => {
          assert.ok(!has(harness, name), `The harness has ${name}. Remove the reason why not.`)
          lacks(name, reason)
        })
        return
      }
      definer.scenario(title, async ({ harness, ...world }) => {
        assert.ok(has(harness, name), `The harness lacks ${name}. Give it one, or the reason.`)
        await body({ harness, ...world })
      })
    },
  }
  contentScenarios(definer)
  rewritingScenarios(definer)
  identityScenarios(definer)
  survivalScenarios(definer)
  stagedScenarios(definer)
  callScenarios(definer)
  return report
}
