import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { durabilityConformance, transportConformance } from '@paxos/testkit'
import { DURABILITY_FAULTS, honestDurability } from './honest-durability.ts'
import { SPOILED_FAULTS } from './faulty-transports.ts'
import { FAULTS as TRANSPORT_FAULTS, honestHarness } from './honest.ts'
import { scenariosOf } from './play.ts'

it('the README says how many scenarios there are, and how many broken adapters they catch', () => {
  const transports = scenariosOf((runner) => transportConformance(() => honestHarness(), runner))
  const durabilities = scenariosOf((runner) =>
    durabilityConformance(() => honestDurability(), runner),
  )
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(
    `${transports.length} for transports, ${durabilities.length} for durability adapters`,
  )
  expect(readme).toContain(
    `catch ${TRANSPORT_FAULTS.length + SPOILED_FAULTS.length} transports and ${DURABILITY_FAULTS.length} durability adapters`,
  )
})
