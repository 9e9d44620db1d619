/**
 * Everything that a value holds, in words: equal words mean equal values, private fields included.
 * It looks through the debugger's window, because the classes of core rightly show nothing. Must
 * see every field: two objects that could behave differently must never have one fingerprint.
 *
 * What it cannot see is what functions enclose. So the state of what is explored must be in fields;
 * that of core is, since its engines have no closures but those of their options, which never change.
 */
import { Session } from 'node:inspector'
import type { Runtime } from 'node:inspector'

/** Where the value is put for the debugger to find it. */
const PLACE = '__explored'

let session: Session | null = null

/** `constants` are fields that never change, by name: they are left out. */
export function fingerprintOf(value: object, constants: ReadonlySet<string>): string {
  if (session === null) {
    session = new Session()
    session.connect()
  }
  Reflect.set(globalThis, PLACE, value)
  const { result } = post(session, 'Runtime.evaluate', { expression: PLACE })
  const words = wordsOf(session, result, constants)
  Reflect.deleteProperty(globalThis, PLACE)
  post(session, 'Runtime.releaseObjectGroup', { objectGroup: '' })
  return words
}

type Properties = Runtime.GetPropertiesReturnType & {
  /** Not in the types of Node 20, and there since long before. */
  readonly privateProperties?: readonly {
    readonly name: string
    readonly value?: Runtime.RemoteObject
  }[]
}

function wordsOf(
  from: Session,
  object: Runtime.RemoteObject,
  constants: ReadonlySet<string>,
): string {
  const { objectId, type, subtype, className = '' } = object
  if (objectId === undefined)
    return JSON.stringify(object.unserializableValue ?? object.value ?? null)
  if (type === 'function') return 'function'
  const found: Properties = post(from, 'Runtime.getProperties', { objectId, ownProperties: true })
  if (subtype === 'map' || subtype === 'set')
    return `${className}${entriesOf(from, found, constants)}`
  const fields = [...(found.privateProperties ?? []), ...found.result.filter(isData)]
  const words = fields
    .filter(({ name }) => !constants.has(name))
    .map(
      ({ name, value }) => `${name}:${value === undefined ? '' : wordsOf(from, value, constants)}`,
    )
  return `${className}{${words.join(',')}}`
}

/** The order of a Map or a Set counts, for those who walk through it. */
function entriesOf(
  from: Session,
  { internalProperties = [] }: Properties,
  constants: ReadonlySet<string>,
): string {
  const entries = internalProperties.find(({ name }) => name === '[[Entries]]')?.value
  return entries === undefined ? '' : wordsOf(from, entries, constants)
}

function isData({ name, enumerable, value }: Runtime.PropertyDescriptor): boolean {
  return (enumerable || name === 'value' || name === 'key') && value !== undefined
}

/** The session answers while it is asked, for it is the same thread. */
function post<
  Method extends 'Runtime.evaluate' | 'Runtime.getProperties' | 'Runtime.releaseObjectGroup',
>(
  from: Session,
  method: Method,
  parameters: object,
): Method extends 'Runtime.evaluate' ? Runtime.EvaluateReturnType : Properties {
  let answer: unknown
  from.post(method, parameters, (error: Error | null, result?: object) => {
    if (error !== null) throw error
    answer = result
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the protocol says what each method answers
  return answer as never
}
