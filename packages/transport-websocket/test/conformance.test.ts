import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import subjects from './conformance-subjects.ts'

for (const { name, transport, notApplicable } of subjects) {
  describe(name, () => {
    transportConformance(transport, { describe, it }, notApplicable)
  })
}
