import { describe, it } from 'vitest'
import { durabilityConformance } from '@paxos/testkit'
import { harness, notApplicable } from './conformance-subjects.ts'

durabilityConformance(harness, { describe, it }, notApplicable)
