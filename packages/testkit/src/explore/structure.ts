/**
 * The exact structure of an object and of everything that it reaches, private fields included, as
 * text: two objects with the same text behave the same from now on. Core hides its state in #fields,
 * which nothing but a debugger sees; so this asks the debugger of this very process.
 *
 * Why equal text means equal behaviour: what an object does next depends on its class, its fields,
 * and what they refer to. All of it is in the text: classes and functions by identity, the order of
 * Maps and Sets as they iterate, numbers and strings exactly, and which parts are one and the same
 * object, since a change of one would show in the other. Only frozen plain objects are told by their
 * contents alone: nobody can change them, nor does core compare objects by identity. Quorum systems
 * are told by what they answer for each set of acceptors, for they are pure. Functions are
 * taken to hold no state of their own; one that is made anew for each object is another function
 * each time, so that such objects never look the same. It must never guess: what it does not know
 * how to read (a promise, a generator, a WeakMap, an accessor) throws. The likeness of an object is
 * the one exception: less than its structure, for those who check what they make of it.
 */
import { Session } from 'node:inspector'
import type { QuorumSystem } from '@paxos/core'

/** Tells the structure of objects. Keep one for all objects that are to be compared. */
export class Structures {
  readonly #session = new Session()
  /** What the debugger is asked about, and what it finds there. */
  readonly #holder: { instances: readonly object[]; found: unknown[][] } = {
    instances: [],
    found: [],
  }
  readonly #fieldNames = new WeakMap<object, readonly string[] | null>()
  readonly #names = new WeakMap<object, string>()
  #named = 0
  /** The names and values of the #fields of what is told at present. */
  #hidden = new Map<object, readonly unknown[]>()

  constructor() {
    this.#session.connect()
  }

  /** Takes `object` for a constant, which nobody changes and which is told by its identity. */
  addConstant(object: object): void {
    this.#nameOf(object)
  }

  /** The structure of `root`. Equal texts mean equal behaviour; unequal ones mean nothing. */
  of(root: object): string {
    this.#readHidden(root)
    const seen = new Map<object, number>()
    const tell = (value: unknown): string => {
      if (isObject(value) && !this.#isTold(value) && !isValue(value)) {
        const number = seen.get(value)
        if (number !== undefined) return `^${number}`
        seen.set(value, seen.size)
      }
      return this.#tell(value, tell)
    }
    return tell(root)
  }

  /**
   * The same without the order of Maps and Sets, and without which parts are one and the same
   * object. Equal texts make it likely that two objects behave the same, no more.
   */
  likenessOf(root: object): string {
    this.#readHidden(root)
    const within = new Set<unknown>()
    const tell = (value: unknown): string => {
      if (within.has(value)) return '^'
      if (!isObject(value) || this.#isTold(value)) return this.#tell(value, tell)
      within.add(value)
      const text = isExactly(value, Map)
        ? `Map{${textsOf([...value].map((pair) => pair.map(tell).join()))}}`
        : isExactly(value, Set)
          ? `Set{${textsOf([...value].map(tell))}}`
          : this.#tell(value, tell)
      within.delete(value)
      return text
    }
    return tell(root)
  }

  /** Lets go of the debugger. */
  close(): void {
    this.#session.disconnect()
  }

  /** `value` as text, and what it holds as `tell` says. */
  #tell(value: unknown, tell: (part: unknown) => string): string {
    if (typeof value === 'function') return this.#nameOf(value)
    if (!isObject(value)) return textOf(value)
    const name = this.#names.get(value)
    if (name !== undefined) return name
    return `${this.#classOf(value)}{${this.#contentsOf(value).map(tell).join()}}`
  }

  #isTold(value: object): boolean {
    if (this.#names.has(value)) return true
    if (!isQuorumSystem(value)) return false
    this.#names.set(value, answersOf(value))
    return true
  }

  #contentsOf(value: object): unknown[] {
    if (value instanceof Uint8Array) return [...value]
    const own = Reflect.ownKeys(value).flatMap((key) => {
      const field = Object.getOwnPropertyDescriptor(value, key)
      if (field === undefined || !('value' in field))
        throw unreadable(`the accessor ${String(key)}`)
      return Array.isArray(value) && key === 'length' ? [field.value] : [key, field.value]
    })
    if (isPlain(value) || Array.isArray(value)) return own
    if (isExactly(value, Map)) return [...own, ...[...value].flat()]
    if (isExactly(value, Set)) return [...own, ...value]
    if (isBuiltIn(value)) throw unreadable(Object.prototype.toString.call(value))
    return [...own, ...(this.#hidden.get(value) ?? [])]
  }

  /** Reads the #fields of everything that `root` reaches: of as many as can be at once, for it is slow. */
  #readHidden(root: object): void {
    this.#hidden = new Map()
    const seen = new Set<object>()
    for (let found: unknown[] = [root]; found.length > 0;) {
      const reached = new Set(found)
      const instances: object[] = []
      for (const value of reached) {
        if (!isObject(value) || seen.has(value) || this.#isTold(value)) continue
        seen.add(value)
        if (isInstance(value)) instances.push(value)
        if (value instanceof Uint8Array) continue
        for (const part of this.#contentsOf(value)) reached.add(part)
      }
      found = this.#readFields(instances)
    }
  }

  /** Reads the #fields of these. Returns what is in them. */
  #readFields(instances: readonly object[]): unknown[] {
    const plain: object[] = []
    for (const instance of instances) {
      const hasEachOnce = this.#namesOf(instance) !== null
      if (hasEachOnce) plain.push(instance)
      else this.#hidden.set(instance, this.#fieldsOf(instance))
    }
    if (plain.length > 0) this.#readTogether(plain)
    return instances.flatMap((instance) => this.#hidden.get(instance) ?? [])
  }

  /** Reads many at once, by the names of their fields. */
  #readTogether(instances: readonly object[]): void {
    const names = instances.map((instance) => this.#namesOf(instance) ?? [])
    const lists = names.map((list, at) => {
      return `[${list.map((name) => `${HOLDER}.instances[${at}].${name}`).join()}]`
    })
    const expression = `${HOLDER}.found = [${lists.join()}]; 0`
    this.#holder.instances = instances
    this.#holder.found = []
    // Only so may an expression name a #field. It runs at once, and its answer comes later and empty.
    this.#reaching(() => this.#session.post('Runtime.evaluate', { expression, replMode: true }))
    const { found } = this.#holder
    if (found.length !== instances.length)
      throw unreadable('an object without the #fields of its class')
    for (const [at, instance] of instances.entries()) {
      const values = found[at] ?? []
      const fields = (names[at] ?? []).flatMap((name, index) => [name, values[index]])
      this.#hidden.set(instance, fields)
    }
  }

  /** What the #fields are called; `null` where two have one name, as of a class and one it extends. */
  #namesOf(instance: object): readonly string[] | null {
    const prototype: object = Reflect.getPrototypeOf(instance) ?? instance
    const known = this.#fieldNames.get(prototype)
    if (known !== undefined) return known
    const names = this.#fieldsOf(instance)
      .filter((_, index) => index % 2 === 0)
      .map(String)
    const found = new Set(names).size === names.length ? names : null
    this.#fieldNames.set(prototype, found)
    return found
  }

  /** The names and values of the #fields, of the class and of those that it extends. */
  #fieldsOf(instance: object): unknown[] {
    this.#holder.instances = [instance]
    const objectGroup = 'structure'
    const id = this.#reaching(() => {
      const question = { expression: `${HOLDER}.instances[0]`, objectGroup }
      return objectIdOf(this.#post('Runtime.evaluate', question), 'result')
    })
    const answer = this.#post('Runtime.getProperties', { objectId: id, ownProperties: true })
    // A private accessor belongs to the class, as a method does: it holds no state.
    const fields = listOf(answer, 'privateProperties').filter(({ value }) => isRecord(value))
    const contents = fields.map(({ value }) => (isRecord(value) ? value : {}))
    const objects = contents.filter(({ objectId }) => typeof objectId === 'string')
    const functionDeclaration = `function (...objects) { ${HOLDER}.found = [objects] }`
    const given = objects.map(({ objectId }) => ({ objectId }))
    this.#reaching(() => {
      this.#post('Runtime.callFunctionOn', { objectId: id, functionDeclaration, arguments: given })
    })
    this.#post('Runtime.releaseObjectGroup', { objectGroup })
    const held = this.#holder.found.flat().values()
    return fields.flatMap(({ name }, index) => {
      const content = contents[index] ?? {}
      const isHeld = typeof content['objectId'] === 'string'
      return [name, isHeld ? held.next().value : primitiveOf(content)]
    })
  }

  /** Lets the debugger reach the holder, while `work` runs. */
  #reaching<T>(work: () => T): T {
    Reflect.set(globalThis, HOLDER, this.#holder)
    try {
      return work()
    } finally {
      Reflect.deleteProperty(globalThis, HOLDER)
    }
  }

  #classOf(value: object): string {
    if (Array.isArray(value)) return '[]'
    if (isPlain(value)) return ''
    const prototype: unknown = Object.getPrototypeOf(value)
    if (typeof prototype !== 'object' || prototype === null) throw unreadable('no prototype')
    return this.#nameOf(prototype)
  }

  #nameOf(object: object): string {
    const known = this.#names.get(object)
    if (known !== undefined) return known
    this.#named += 1
    const name = `@${this.#named}`
    this.#names.set(object, name)
    return name
  }

  #post(method: string, parameters: object): Record<string, unknown> {
    let answer: unknown = null
    let failure: Error | null = null
    // In its own process the debugger answers before post() returns.
    this.#session.post(method, parameters, (error, result?: object) => {
      failure = error
      answer = result
    })
    if (failure !== null) throw new Error(`The debugger refused ${method}.`, { cause: failure })
    if (!isRecord(answer)) throw unreadable(`no answer to ${method}`)
    if ('exceptionDetails' in answer) throw unreadable(JSON.stringify(answer))
    return answer
  }
}

/** Freezes plain objects and arrays, as deep as they go: from now on they are values. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (!isPlain(value) && !Array.isArray(value)) return value
  for (const part of Object.values(value)) freeze(part)
  return Object.freeze(value)
}

/** Of so many acceptors all sets are asked about. */
const MOST_ACCEPTORS = 8

function isQuorumSystem(value: object): value is QuorumSystem {
  if (!isPlain(value) || !('acceptors' in value) || !(value.acceptors instanceof Set)) return false
  if (value.acceptors.size > MOST_ACCEPTORS) return false
  return 'isPhase1Quorum' in value && 'isPhase2Quorum' in value && Object.keys(value).length === 3
}

function answersOf(quorums: QuorumSystem): string {
  const ids = [...quorums.acceptors]
  const sets = Array.from({ length: 2 ** ids.length }, (_, set) => {
    return new Set(ids.filter((__, bit) => (set >> bit) & 1))
  })
  const answers = sets.map((set) => {
    return Number(quorums.isPhase1Quorum(set)) + 2 * Number(quorums.isPhase2Quorum(set))
  })
  return `quorums of ${JSON.stringify(ids)}: ${answers.join('')}`
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Nobody can change it, so that it makes no difference whether it is shared. */
function isValue(value: object): boolean {
  return Object.isFrozen(value) && isPlain(value)
}

function textsOf(texts: readonly string[]): string {
  return texts.toSorted().join()
}

/** The name of a global that is there only while the debugger is asked. */
const HOLDER = 'paxosTestkitStructures'
const BUILT_INS = [
  Promise,
  WeakMap,
  WeakSet,
  WeakRef,
  Date,
  RegExp,
  ArrayBuffer,
  DataView,
  Map,
  Set,
]

function isBuiltIn(value: object): boolean {
  const tag = Object.prototype.toString.call(value)
  return (
    BUILT_INS.some((builtIn) => value instanceof builtIn) ||
    ArrayBuffer.isView(value) ||
    tag !== '[object Object]'
  )
}

/** Of a class that is not built in: it may have #fields. */
function isInstance(value: object): boolean {
  if (value instanceof Uint8Array || Array.isArray(value) || isPlain(value)) return false
  return !isExactly(value, Map) && !isExactly(value, Set) && !isBuiltIn(value)
}

function isExactly<T extends object>(value: object, kind: new () => T): value is T {
  return Object.getPrototypeOf(value) === kind.prototype
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'symbol') throw unreadable('a symbol')
  return String(value)
}

function primitiveOf(content: Record<string, unknown>): unknown {
  const { value, unserializableValue } = content
  if (typeof unserializableValue !== 'string') return value
  const text = unserializableValue
  return text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(record: Record<string, unknown>, name: string): Record<string, unknown>[] {
  const list = record[name]
  return Array.isArray(list) ? list.filter(isRecord) : []
}

function objectIdOf(record: Record<string, unknown>, name: string): string {
  const held = record[name]
  const id = isRecord(held) ? held['objectId'] : undefined
  if (typeof id !== 'string') throw unreadable(`no object in ${JSON.stringify(record)}`)
  return id
}

function unreadable(what: string): Error {
  return new Error(`The structure of an object cannot be read: ${what}. Keep state in fields.`)
}
