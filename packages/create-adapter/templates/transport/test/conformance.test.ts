/** Whether the transport keeps the contract: every promise of it is a test. */
import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { harness, notApplicable } from './conformance-subjects.ts'

transportConformance(harness, { describe, it }, notApplicable)
