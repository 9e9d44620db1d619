/**
 * The members of the cluster over HTTP: who they are, and how an operator changes them. Must never
 * answer a change before it is complete, nor say that one has failed that may yet be made.
 */
import type { Context, Hono } from 'hono'
import type { ReplicaMembers } from '@paxos/replica'
import { z } from 'zod'
import { entityTag } from './api.ts'
import { parameters, parse, parseParameters, parseVersion, readText } from './input.ts'
import { MAX_MEMBERS_REQUEST_BYTES } from './limits.ts'
import type { MembersRequest } from './member-requests.ts'
import { Refusal } from './refusal.ts'
import type { KeyValueReplica } from './replica.ts'

/** Adds them to a service. */
export function membersRoutes(
  app: Hono,
  replica: Pick<KeyValueReplica, 'members' | 'changeMembers' | 'transferLeadership'>,
): void {
  app.get('/members', async (context) => {
    const { timeout, consistency } = parseParameters(parameters.read, context.req.url)
    const wait = { signal: context.req.raw.signal, timeoutMs: timeout }
    return reply(context, await replica.members({ ...wait, consistency }))
  })

  app.post('/members', async (context) => {
    const { id, address, role } = await bodyOf(context, bodies.add)
    return await change(context, { type: 'add', id, address, role })
  })

  app.delete('/members/:id', async (context) => {
    return await change(context, { type: 'remove', id: idIn(context) })
  })

  app.post('/members/:id/replace', async (context) => {
    const id = idIn(context)
    const { id: next = id, address } = await bodyOf(context, bodies.replace)
    return await change(context, { type: 'replace', id, by: { id: next, address } })
  })

  app.post('/members/:id/move', async (context) => {
    const { address } = await bodyOf(context, bodies.move)
    return await change(context, { type: 'move', id: idIn(context), address })
  })

  app.post('/members/:id/prioritize', async (context) => {
    const { priority } = await bodyOf(context, bodies.prioritize)
    return await change(context, { type: 'prioritize', id: idIn(context), priority })
  })

  // Answered by the leader alone: another node says that it is another one that is to be asked.
  app.post('/leader', async (context) => {
    const { timeout } = parseParameters(parameters.changeMembers, context.req.url)
    const { to } = await bodyOf(context, bodies.leader)
    const wait = { signal: context.req.raw.signal, timeoutMs: Math.ceil(timeout / 2) }
    const leader = await replica.transferLeadership(to, wait)
    return context.json({ leader }, 200, { 'cache-control': 'no-store' })
  })

  app.post('/members/:id/promote', async (context) => {
    return await change(context, { type: 'promote', id: idIn(context) })
  })

  async function change(context: Context, request: MembersRequest): Promise<Response> {
    const { url, raw } = context.req
    const { timeout } = parseParameters(parameters.changeMembers, url)
    const options = { signal: raw.signal, timeoutMs: timeout, ...parseVersion(raw.headers) }
    return reply(context, await replica.changeMembers(request, options))
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
function idIn(context: Context): string {
  const [, , encoded = ''] = new URL(context.req.url).pathname.split('/')
  try {
    return decodeURIComponent(encoded)
  } catch {
    const message = 'The id is no UTF-8. Write it as encodeURIComponent does.'
    throw new Refusal(400, 'invalid-argument', message)
  }
}

async function bodyOf<T extends z.ZodType>(context: Context, schema: T): Promise<z.output<T>> {
  const text = await readText(context.req.raw, MAX_MEMBERS_REQUEST_BYTES, tooLong)
  return parse(schema, jsonIn(text))
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const message = 'The body is no JSON. Write it as in {"address":"udp://127.0.0.1:7004"}.'
    throw new Refusal(400, 'invalid-argument', message)
  }
}

function tooLong(): Refusal {
  const message = `The body has more than ${MAX_MEMBERS_REQUEST_BYTES} bytes. Say only what is asked for.`
  return new Refusal(413, 'too-large', message)
}

/** The version as a tag: If-Match takes it. */
function reply(context: Context, members: ReplicaMembers): Response {
  const headers = { etag: entityTag(members.version), 'cache-control': 'no-store' }
  return context.json(members, 200, headers)
}
