/**
 * How far a change of members has come, in words, for an operator who waits for it. Must only ever
 * repeat what a node has said.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Status } from './api.ts'
import type { Client } from './client.ts'
import { ClientError } from './client-errors.ts'
import { MEMBERS_PROGRESS_EVERY_MS } from './limits.ts'
import type { MembersRequest } from './member-requests.ts'

/** A new node that was not heard for so long is not there, in milliseconds. */
const SILENT_MS = 5000

/** In one sentence; `null` while there is nothing to say. */
export function stageOf(
  request: MembersRequest,
  { members: known, peers }: Pick<Status, 'members' | 'peers'>,
): string | null {
  const { members = [], isComplete = false } = known ?? {}
  const id = request.type === 'replace' ? request.by.id : request.id
  const member = members.find((each) => each.id === id)
  if (request.type === 'remove') {
    if (member !== undefined) return null
    return `'${id}' is no member any more. Leave it running until the change is complete.`
  }
  if (member === undefined || request.type === 'move') return null
  if (member.role === 'learner') {
    const heardAgoMs = peers[id]?.heardAgoMs ?? Infinity
    return heardAgoMs > SILENT_MS
      ? `'${id}' is a learner, and is not heard. Start it at ${member.address}, with an empty disk.`
      : `'${id}' is a learner, and catches up.`
  }
  // One that is to begin anew votes as before, until it is a learner.
  if (request.type === 'replace' && request.by.id === request.id) return null
  return isComplete ? null : `'${id}' votes. The others make sure that it has what was before.`
}

/** Tells each stage once, until `signal` aborts. Never rejects. */
export async function tellStages(
  client: Client,
  request: MembersRequest,
  tell: (sentence: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told: string | null = null
  try {
    for (;;) {
      await pause(MEMBERS_PROGRESS_EVERY_MS, undefined, { signal })
      const stage = await ask(client, request, signal)
      if (stage !== null && stage !== told) tell(stage)
      told = stage ?? told
    }
  } catch {
    // It is over.
  }
}

/** What a node that answers knows; a node that does not is no reason to stop waiting. */
async function ask(
  client: Client,
  request: MembersRequest,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return stageOf(request, await client.status({ signal }))
  } catch (error) {
    if (error instanceof ClientError) return null
    throw error
  }
}
