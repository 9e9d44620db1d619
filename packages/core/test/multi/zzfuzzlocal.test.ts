import { it } from 'vitest'
import { MembersChaos } from './members-chaos.ts'
const from = Number(process.env['FROM'] ?? 0),
  count = Number(process.env['COUNT'] ?? 100),
  steps = Number(process.env['STEPS'] ?? 3000)
it('fuzz', () => {
  const failed: string[] = []
  let [changes, reads, installed, wiped, ms] = [0, 0, 0, 0, 0]
  for (let seed = from; seed < from + count; seed += 1) {
    const chaos = new MembersChaos(seed)
    try {
      chaos.world.settle(() => chaos.world.leader !== null)
      for (let n = 0; n < steps; n += 1) chaos.step()
      chaos.calm()
      const before = chaos.world.nowMs
      chaos.succeed()
      ms = Math.max(ms, chaos.world.nowMs - before)
    } catch (error) {
      failed.push(
        `seed ${seed}: ${String(error instanceof Error ? error.message : error).split('\n')[0]}`,
      )
      if (process.env['SHOW']) console.log(error)
    }
    changes += chaos.world.changes
    reads += chaos.world.readsAnswered
    installed += chaos.world.installed
    wiped += chaos.world.wiped
  }
  const kinds = new Map<string, string[]>()
  for (const f of failed) {
    const k = f.replace(/\d+/g, '#')
    kinds.set(k, [...(kinds.get(k) ?? []), f])
  }
  console.log({ changes, reads, installed, wiped, ms, failed: failed.length })
  for (const [k, v] of kinds) console.log(v.length, k, v.slice(0, 5))
})
