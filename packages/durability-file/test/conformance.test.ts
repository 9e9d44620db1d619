/**
 * The suite of every durability adapter on real files. That of the kit, whose store this is, runs it
 * on a simulated disk, which can lose power at any moment.
 */
import { durabilityConformance } from '@paxos/testkit'
import { describe, it } from 'vitest'
import { harness, notApplicable } from './conformance-subjects.ts'

durabilityConformance(harness, { describe, it }, notApplicable)
