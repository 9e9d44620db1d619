/**
 * What is done to the process that runs the job, in the middle of a run, and what comes of it: another takes
 * over and writes, and then the first writes, if it can.
 */
import type { Heard, Id, Service } from './service.ts'

/** It is killed; it is frozen, and thawed too late; or nobody hears it, nor it anybody, until too late. */
export type Fault = 'kill' | 'freeze' | 'cut'

export interface Aftermath {
  /** The run that the fault came in the middle of. */
  readonly first: Heard<'begun'>
  /** The first of those that were begun by others after that. */
  readonly second: Heard<'begun'>
  readonly written: Heard<'accepted'>
  /** What became of the late write of the first; `null` where it was killed. */
  readonly late: Heard<'accepted'> | Heard<'refused'> | null
}

/** Waits for a run from a position of the reports on, and for all that comes of the fault. */
export async function endure(service: Service, fault: Fault, from: number): Promise<Aftermath> {
  const first = await service.heard('begun', () => true, from)
  const begun = service.after(first)
  await strike(service, fault, first.by)
  const second = await service.heard('begun', ({ by }) => by !== first.by, begun)
  const written = await finish(service, second)
  if (fault === 'kill') {
    await service.start(first.by)
    return { first, second, written, late: null }
  }
  const before = service.position
  // Told before it is thawed, so that it is the first that it does.
  service.order(first.by, { type: 'write', token: first.token })
  if (fault === 'freeze') service.signal(first.by, 'SIGCONT')
  const late = await service.heard(
    ['accepted', 'refused'],
    ({ by, token }) => by === first.by && token === first.token,
    before,
  )
  if (fault === 'cut') service.order(first.by, { type: 'heal' })
  return { first, second, written, late }
}

/** Lets a run write, and waits until it has. */
export async function finish(service: Service, run: Heard<'begun'>): Promise<Heard<'accepted'>> {
  const from = service.after(run)
  service.order(run.by, { type: 'write', token: run.token })
  return await service.heard(
    'accepted',
    ({ by, token, dueMs }) => by === run.by && token === run.token && dueMs === run.dueMs,
    from,
  )
}

async function strike(service: Service, fault: Fault, id: Id): Promise<void> {
  switch (fault) {
    case 'kill':
      await service.kill(id)
      break
    case 'freeze':
      service.signal(id, 'SIGSTOP')
      break
    case 'cut':
      service.order(id, { type: 'cut' })
      break
  }
}
