/**
 * What the simulated nodes replicate: registers by name that can be written, compared and set,
 * appended to and read; and a digest of every command in order, by which two nodes that applied the
 * same slots can be told equal at once. With it the model by which a history is judged.
 */
import type { Slot } from '@paxos/core'
import type { StateMachine } from '@paxos/replica'
import type { SequentialModel } from '../linearizability.ts'

export type Command =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'cas'; readonly key: string; readonly from: string; readonly to: string }
  | { readonly type: 'append'; readonly key: string; readonly value: string }

/** `value` is that of the register afterwards; `done` says whether a cas took place. */
export interface Result {
  readonly slot: Slot
  readonly done: boolean
  readonly value: string
}

/** What a client asks: a command, or the value of a register. */
export type Request = Command | { readonly type: 'get'; readonly key: string }

export interface Answer {
  readonly done: boolean
  readonly value: string
}

/** A register of its own keeps only the end of what was appended. */
const MAX_CHARACTERS = 40

/** What a command makes of a register. */
export function applied(value: string, request: Request): Answer {
  switch (request.type) {
    case 'get':
      return { done: true, value }
    case 'put':
      return { done: true, value: request.value }
    case 'append':
      return { done: true, value: (value + request.value).slice(-MAX_CHARACTERS) }
    case 'cas':
      return value === request.from ? { done: true, value: request.to } : { done: false, value }
  }
}

export interface Registers extends StateMachine<Command, Result, string, string> {
  /** Of every command that was applied, in order. */
  readonly digest: number
}

/** `onApply` is told the slot, and the digest after it. */
export function registers(onApply: (slot: Slot, digest: number) => void): Registers {
  let values = new Map<string, string>()
  let digest = 0
  return {
    get digest() {
      return digest
    },
    apply(command, slot) {
      const answer = applied(values.get(command.key) ?? '', command)
      values.set(command.key, answer.value)
      digest = mixed(digest, `${slot} ${JSON.stringify(command)} ${answer.value}`)
      onApply(slot, digest)
      return { slot, ...answer }
    },
    query: (key) => values.get(key) ?? '',
    snapshot: () => new TextEncoder().encode(JSON.stringify({ digest, values: [...values] })),
    restore(bytes) {
      const parsed: { digest: number; values: [string, string][] } = JSON.parse(
        new TextDecoder().decode(bytes),
      )
      digest = parsed.digest
      values = new Map(parsed.values)
    },
  }
}

/** One register, by itself. */
export const registerModel: SequentialModel<string, Request, Answer> = {
  initial: '',
  partitionOf: ({ key }) => key,
  stateKey: (state) => state,
  step(state, request, answer) {
    const after = applied(state, request)
    if (answer !== null) {
      const { done, value } = answer.output
      if (done !== after.done || value !== after.value) return null
    }
    return { state: after.value }
  },
}

/** FNV-1a over the text, from the digest before. */
function mixed(digest: number, text: string): number {
  let hash = (digest ^ 0x811c9dc5) >>> 0
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0
  }
  return hash
}
