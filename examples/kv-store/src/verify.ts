/**
 * Whether the nodes hold what they should, as each of them says itself: all the same, and every
 * write that was acknowledged. Must never be content with the word of one node.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from './client.ts'
import type { Summary } from './commands.ts'
import { UserError } from './fail.ts'

export interface VerifyOptions {
  /** One a node. */
  readonly urls: readonly string[]
  /** Every node has to come this far. */
  readonly throughRevision: number
  readonly acknowledged: ReadonlyMap<string, string>
  readonly signal: AbortSignal
}

/** How long the nodes may take to come to the same place, in milliseconds. */
const PATIENCE_MS = 30_000

/** How often they are asked, in milliseconds. */
const ASK_EVERY_MS = 25

/** Resolves with what all nodes hold; rejects with a UserError when they differ, or do not agree. */
export async function verify(options: VerifyOptions): Promise<Summary> {
  const summary = await converged(options)
  await Promise.all(options.urls.map((url) => readBack(url, options)))
  return summary
}

async function converged({ urls, throughRevision, signal }: VerifyOptions): Promise<Summary> {
  const clients = urls.map((url) => connect({ nodes: [url] }))
  const endsAtMs = performance.now() + PATIENCE_MS
  for (;;) {
    const all = await Promise.all(
      clients.map((client) => client.digest({ consistency: 'local', signal })),
    )
    const [first] = all
    const isSamePlace = all.every(({ through }) => through === first?.through)
    if (first !== undefined && isSamePlace && first.through >= throughRevision) {
      if (all.every(({ digest }) => digest === first.digest)) return first
      throw new UserError(`The nodes differ at revision ${first.through}: ${digests(urls, all)}.`)
    }
    if (performance.now() > endsAtMs) {
      const places = urls.map((url, index) => `${url} at ${all[index]?.through}`).join(', ')
      throw new UserError(
        `After ${PATIENCE_MS / 1000} seconds the nodes are not at the same place: ${places}. ` +
          'Try again on a machine that is less busy.',
      )
    }
    await pause(ASK_EVERY_MS, undefined, { signal })
  }
}

/** Throws when the node at `url` misses an acknowledged write. */
async function readBack(url: string, { acknowledged, signal }: VerifyOptions): Promise<void> {
  const missing = new Map(acknowledged)
  const client = connect({ nodes: [url] })
  for await (const { key, value } of client.list({ consistency: 'local', signal })) {
    if (missing.get(key) === value) missing.delete(key)
  }
  const [lost] = missing.keys()
  if (lost === undefined) return
  throw new UserError(
    `${url} has lost ${missing.size} of ${acknowledged.size} acknowledged writes, ${lost} first.`,
  )
}

function digests(urls: readonly string[], summaries: readonly Summary[]): string {
  return urls.map((url, index) => `${url} has ${summaries[index]?.digest.slice(0, 12)}`).join(', ')
}
