import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { harness, notApplicable } from './conformance-subjects.ts'

transportConformance(harness, { describe, it }, notApplicable)
