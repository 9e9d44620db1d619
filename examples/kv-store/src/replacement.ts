/**
 * What an operator does about a disk that was lost, in real processes: the node is killed, its disk
 * wiped, and it is started; it refuses, it is replaced by one command, and it is started again. Must
 * never help it in a way that the command line could not.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Cluster } from './cluster.ts'
import { UserError } from './fail.ts'

/** From the sources, too, it is what was built that runs. */
const CLIENT = fileURLToPath(new URL('../dist/client-cli.js', import.meta.url))

/** How it went. */
export interface Replacement {
  readonly id: string
  /** What the node said with its empty disk. */
  readonly refusal: string
  /** What was typed, but for the nodes. */
  readonly command: string
  /** From then on until it voted again, in milliseconds. */
  readonly tookMs: number
}

/** Rejects with a UserError when the node does not refuse, or the command fails. */
export async function loseDisk(
  cluster: Cluster,
  id: string,
  signal: AbortSignal,
): Promise<Replacement> {
  await cluster.kill(id)
  await cluster.wipe(id)
  const refusal = await Promise.race([cluster.refusal(id), abortOf(signal)])
  if (!refusal.includes(`replace ${id}`)) {
    throw new UserError(`With an empty disk ${id} did not say what to do, but: ${refusal}`)
  }
  const startedAtMs = performance.now()
  const others = cluster.urls.filter((url) => url !== cluster.url(id))
  const replaced = operate(['replace', id], others, signal)
  await keepStarting(cluster, id, replaced)
  const tookMs = performance.now() - startedAtMs
  return { id, refusal, command: `client-cli replace ${id}`, tookMs }
}

/**
 * As a service manager does: starts the node again when it has refused, until it is replaced. The
 * command may be on its way yet when it starts.
 */
async function keepStarting(cluster: Cluster, id: string, replaced: Promise<void>): Promise<void> {
  for (;;) {
    const refusal = await Promise.race([replaced.then(() => null), cluster.refusal(id)])
    if (refusal === null) return
    if (!refusal.includes(`replace ${id}`)) throw new UserError(refusal)
  }
}

/** Runs the command line to its end. Rejects with a UserError of its last words when it fails. */
export async function operate(
  words: readonly string[],
  urls: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const nodes = urls.map((url) => `--node=${url}`)
  const child = fork(CLIENT, [...words, ...nodes], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
    signal,
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  const code = await endOf(child)
  signal.throwIfAborted()
  if (code === 0) return
  const last = said.trimEnd().split('\n').at(-1)
  throw new UserError(`'client-cli ${words.join(' ')}' ended with ${code}: ${last}`)
}

async function endOf(child: ChildProcess): Promise<number | null> {
  // When its signal aborts, it is killed, and says so as an error.
  const failed = once(child, 'error').then(() => null)
  return await Promise.race([once(child, 'close').then(() => child.exitCode), failed])
}

async function abortOf(signal: AbortSignal): Promise<never> {
  await once(signal, 'abort')
  throw signal.reason
}
