/**
 * The members of the cluster over HTTP: who they are, and how an operator changes them. Must never
 * answer a change before it is complete, nor say that one has failed that may yet be made.
 */
import type { ReplicaMembers } from '@paxos/replica'
import { z } from 'zod'
import { entityTag } from './api.ts'
import { json } from './asked.ts'
import type { Answered, Asked, Routes } from './asked.ts'
import { parameters, parse, parseJson, parseParameters, parseVersion, readText } from './input.ts'
import { MAX_MEMBERS_REQUEST_BYTES } from './limits.ts'
import type { MembersRequest } from './member-requests.ts'
import { Refusal } from './refusal.ts'
import type { KeyValueReplica } from './replica.ts'

export function membersRoutes(
  replica: Pick<KeyValueReplica, 'members' | 'changeMembers' | 'transferLeadership'>,
): Routes {
  return [
    [
      'GET /members',
      async ({ query, signal }) => {
        const { timeout, consistency } = parseParameters(parameters.read, query)
        return reply(await replica.members({ signal, timeoutMs: timeout, consistency }))
      },
    ],
    [
      'POST /members',
      async (asked) => {
        const { id, address, role } = bodyOf(asked, bodies.add)
        return await change(asked, { type: 'add', id, address, role })
      },
    ],
    [
      'DELETE /members/:id',
      async (asked) => await change(asked, { type: 'remove', id: idIn(asked) }),
    ],
    [
      'POST /members/:id/replace',
      async (asked) => {
        const id = idIn(asked)
        const { id: next = id, address } = bodyOf(asked, bodies.replace)
        return await change(asked, { type: 'replace', id, by: { id: next, address } })
      },
    ],
    [
      'POST /members/:id/move',
      async (asked) => {
        const { address } = bodyOf(asked, bodies.move)
        return await change(asked, { type: 'move', id: idIn(asked), address })
      },
    ],
    [
      'POST /members/:id/prioritize',
      async (asked) => {
        const { priority } = bodyOf(asked, bodies.prioritize)
        return await change(asked, { type: 'prioritize', id: idIn(asked), priority })
      },
    ],
    [
      'POST /members/:id/promote',
      async (asked) => await change(asked, { type: 'promote', id: idIn(asked) }),
    ],
    [
      // Answered by the leader alone: another node says that it is another one that is to be asked.
      'POST /leader',
      async (asked) => {
        const { timeout } = parseParameters(parameters.changeMembers, asked.query)
        const { to } = bodyOf(asked, bodies.leader)
        const wait = { signal: asked.signal, timeoutMs: Math.ceil(timeout / 2) }
        const leader = await replica.transferLeadership(to, wait)
        return json({ leader }, 200, { 'cache-control': 'no-store' })
      },
    ],
  ]

  async function change(asked: Asked, request: MembersRequest): Promise<Answered> {
    const { query, headers, signal } = asked
    const { timeout } = parseParameters(parameters.changeMembers, query)
    const options = { signal, timeoutMs: timeout, ...parseVersion(headers) }
    return reply(await replica.changeMembers(request, options))
  }
}

/** Whether a request that failed was about to change the members, or who leads. */
export function isChangeOfMembers(method: string, path: string): boolean {
  return method === 'POST' && /^\/(?:members|leader)(?:\/|$)/.test(path)
}

const address = z.string().min(1, 'Say where it listens.')

/** What the bodies say. Who is none of them is refused by the replica. */
const bodies = {
  add: z.strictObject({
    id: z.string().min(1, 'Give an id of at least one character.'),
    address,
    role: z.enum(['voter', 'learner']).default('voter'),
  }),
  replace: z.strictObject({ id: z.string().min(1).optional(), address }),
  move: z.strictObject({ address }),
  prioritize: z.strictObject({ priority: z.int().nonnegative() }),
  leader: z.strictObject({ to: z.string().min(1).optional() }),
} as const

/** Who the path is about: its second step. */
function idIn({ path }: Asked): string {
  const [, , encoded = ''] = path.split('/')
  try {
    return decodeURIComponent(encoded)
  } catch {
    const message = 'The id is no UTF-8. Write it as encodeURIComponent does.'
    throw new Refusal(400, 'invalid-argument', message)
  }
}

function bodyOf<T extends z.ZodType>(asked: Asked, schema: T): z.output<T> {
  const text = readText(asked, MAX_MEMBERS_REQUEST_BYTES, tooLong)
  return parse(schema, parseJson(text, '{"address":"udp://127.0.0.1:7004"}'))
}

function tooLong(): Refusal {
  const message = `The body has more than ${MAX_MEMBERS_REQUEST_BYTES} bytes. Say only what is asked for.`
  return new Refusal(413, 'too-large', message)
}

/** The version as a tag: If-Match takes it. */
function reply(members: ReplicaMembers): Answered {
  return json(members, 200, { etag: entityTag(members.version), 'cache-control': 'no-store' })
}
