/**
 * The state machine of coordination: each command to where it belongs, and one snapshot of all. What came
 * in was checked by the codecs; nothing here may throw half-way, look at a clock, or differ between nodes.
 */
import { DecodeError } from '@paxos/core'
import type { StateMachine } from '@paxos/replica'
import { commandCodec, decodeJson, encodeJson, resultCodec } from './codecs.ts'
import type { Answer, Command, LeaseKind, Query, Result, Standing } from './commands.ts'
import { Entries, entriesShape } from './entries.ts'
import { Holds, holdsShape } from './holds.ts'
import { Queues, queuesShape } from './queues.ts'
import { MAX_TOTAL_LENGTH } from './limits.ts'
import { only, record } from './shape.ts'

/** Of a snapshot: another number where what it holds has another form. */
const FORM = 1

const snapshotShape = record({
  form: only(FORM),
  holds: holdsShape,
  queues: queuesShape,
  entries: entriesShape,
})

interface Named {
  readonly kind: LeaseKind
  readonly name: string
  readonly id: string
}

class CoordinationMachine implements StateMachine<Command, Result, Query, Answer> {
  readonly commandCodec = commandCodec
  readonly resultCodec = resultCodec
  readonly #holds = new Holds()
  readonly #queues = new Queues()
  readonly #entries = new Entries()

  apply(command: Command, revision: number): Result {
    if (this.#lengthWith(command) > MAX_TOTAL_LENGTH)
      return { type: 'refused', reason: 'too-large' }
    switch (command.type) {
      case 'acquire':
        return this.#holds.acquire(command, revision, this.#queues.size)
      case 'take':
        return this.#queues.take(command, revision, this.#holds.size)
      case 'renew':
        return asResult(this.#renew(command, revision))
      case 'release':
        if (isOfQueue(command)) this.#queues.release(command, revision)
        else this.#holds.release(command, revision)
        return { type: 'done' }
      case 'expire':
        if (isOfQueue(command)) this.#queues.expire(command, command.renewed, revision)
        else this.#holds.expire(command, command.renewed, revision)
        return { type: 'done' }
      case 'enqueue':
        return this.#queues.enqueue(command, revision)
      case 'acknowledge':
        return asResult(this.#queues.acknowledge(command))
      case 'put':
        return this.#entries.put(command, revision)
      case 'remove':
        return this.#entries.remove(command, revision)
      case 'add':
        return this.#entries.add(command, revision)
    }
  }

  query(query: Query): Answer {
    switch (query.type) {
      case 'standing':
        return { type: 'standing', standing: this.#standing(query) }
      case 'holders':
        return { type: 'holders', holders: this.#holds.holders(query.kind, query.name) }
      case 'leases':
        return { type: 'leases', leases: [...this.#holds.leases(), ...this.#queues.leases()] }
      case 'entry':
        return { type: 'entry', entry: this.#entries.entry(query.space, query.name, query.key) }
      case 'changes':
        return {
          type: 'changes',
          ...this.#entries.changes(query.space, query.name, query.after),
        }
      case 'queue':
        return { type: 'queue', ...this.#queues.sizes(query.name) }
    }
  }

  snapshot(): Uint8Array {
    return encodeJson({
      form: FORM,
      holds: this.#holds.report(),
      queues: this.#queues.report(),
      entries: this.#entries.report(),
    })
  }

  /** Throws DecodeError for what snapshot() of this version did not write; then nothing has changed. */
  restore(bytes: Uint8Array): void {
    const { holds, queues, entries } = snapshotIn(bytes)
    this.#holds.restore(holds)
    this.#queues.restore(queues)
    this.#entries.restore(entries)
  }

  /** 0 for what adds no value. */
  #lengthWith(command: Command): number {
    if (!('value' in command) || command.value === null) return 0
    const { length } = command.value
    return length + this.#holds.length + this.#queues.length + this.#entries.length
  }

  #renew(which: Named, revision: number): Standing {
    return isOfQueue(which)
      ? this.#queues.renew(which, revision)
      : this.#holds.renew(which, revision)
  }

  #standing(which: Named): Standing {
    return isOfQueue(which) ? this.#queues.standing(which) : this.#holds.standing(which)
  }
}

/**
 * The state of locks, elections, maps, queues and the rest: give it to Replica.open(), alone or as a part
 * of compose(), a new one for each node; and the replica, or its part, to `new Coordination(…)`.
 */
export function coordinationMachine(): StateMachine<Command, Result, Query, Answer> {
  return new CoordinationMachine()
}

function isOfQueue(which: Named): boolean {
  return which.kind === 'queue'
}

function asResult(standing: Standing): Result {
  return { type: 'standing', standing }
}

function snapshotIn(bytes: Uint8Array) {
  try {
    return snapshotShape(decodeJson(bytes))
  } catch (cause) {
    throw new DecodeError(
      'The snapshot is none of @paxos/coordination of this version. Start the version that wrote it.',
      { cause },
    )
  }
}
