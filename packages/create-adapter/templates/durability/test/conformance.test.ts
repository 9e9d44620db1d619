/** Whether the adapter keeps the contract: every promise of it is a test. */
import { describe, it } from 'vitest'
import { durabilityConformance } from '@paxos/testkit'
import { harness, notApplicable } from './conformance-subjects.ts'

durabilityConformance(harness, { describe, it }, notApplicable)
