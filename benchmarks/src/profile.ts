/**
 * Profiles the processor in this process while it is asked to. Sampling costs some hundredths of what is
 * measured, so no other benchmark does it.
 */
import { Session } from 'node:inspector/promises'
import { sharesOf } from './attribution.ts'
import type { Stage } from './attribution.ts'

const SAMPLE_EVERY_MICROSECONDS = 250

/** From now on, until the returned function is called: it says what was done in that time. */
export async function profile(): Promise<() => Promise<Readonly<Record<Stage, number>>>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_MICROSECONDS })
  await session.post('Profiler.start')
  return async () => {
    const { profile: found } = await session.post('Profiler.stop')
    session.disconnect()
    return sharesOf(found)
  }
}
