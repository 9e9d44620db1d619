/**
 * The parts of a replica of several state machines: each has the calls of a replica of its own. Must never
 * hand the result of one part to a caller of another.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { ProposeOptions, QueryOptions } from './call-arguments.ts'
import type { Part } from './composed-types.ts'
import type { WaitOptions } from './outcome.ts'

/** `replica` itself, with a property for each part, whose names compose() has checked. */
export function addParts<R extends object>(replica: R, names: readonly string[]): R {
  for (const name of names) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- opened with a composition, whose commands these are
    const value = new PartOfReplica(replica as unknown as AnyReplica, name)
    Object.defineProperty(replica, name, { value, enumerable: true })
  }
  return replica
}

/** What a replica of a composition can do for its parts. */
type AnyReplica = Part<
  { readonly part: string; readonly command: unknown },
  { readonly part: string; readonly result: unknown },
  { readonly part: string; readonly query: unknown },
  unknown
>

class PartOfReplica implements Part<unknown, unknown, unknown, unknown> {
  readonly #replica: AnyReplica
  readonly #name: string

  constructor(replica: AnyReplica, name: string) {
    this.#replica = replica
    this.#name = name
  }

  async propose(command: unknown, options?: ProposeOptions): Promise<unknown> {
    const { part, result } = await this.#replica.propose({ part: this.#name, command }, options)
    if (part === this.#name) return result
    throw new InvalidArgumentError(
      `The session has used the sequence for a command to ${part}. Give each command its own.`,
    )
  }

  query(query: unknown, options?: QueryOptions): Promise<unknown> {
    return this.#replica.query({ part: this.#name, query }, options)
  }

  openSession(options?: WaitOptions): Promise<string> {
    return this.#replica.openSession(options)
  }

  watch(listener: () => void): () => void {
    return this.#replica.watch(listener)
  }
}
