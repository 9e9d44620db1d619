/** What things are called in a package, by its name. Must let nothing through that would not compile. */

/** A mistake of whoever called: its message is all that is to be said. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The names in one package. */
export interface Names {
  /** As npm knows it: `@acme/paxos-transport-carrier-pigeon`. */
  readonly packageName: string
  /** What it is about, in names of files and in URLs: `carrier-pigeon`. */
  readonly medium: string
  /** The same as the name of a function: `carrierPigeon`. */
  readonly factory: string
}

/** What npm takes: https://docs.npmjs.com/cli/configuring-npm/package-json#name. */
const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/
const MAX_PACKAGE_NAME_LENGTH = 214

/** Words that are no names of functions in a module. */
const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum ' +
    'eval export extends false finally for function if implements import in instanceof interface ' +
    'let new null package private protected public return static super switch this throw true try ' +
    'typeof var void while with yield'
  ).split(' '),
)

/** Throws UsageError for a name that npm, or a compiler, would not take. */
export function namesOf(packageName: string): Names {
  if (!PACKAGE_NAME.test(packageName) || packageName.length > MAX_PACKAGE_NAME_LENGTH) {
    throw new UsageError(
      `'${packageName}' is no name of a package. Write small letters, digits and dashes, as in paxos-transport-pigeon.`,
    )
  }
  const unscoped = packageName.replace(/^@[^/]*\//, '')
  const medium = unscoped
    .replace(/^(?:paxos-)?(?:transport-|durability-)?/, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  const factory = medium.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  if (!/^[a-z]/.test(factory) || RESERVED.has(factory)) {
    throw new UsageError(
      `'${packageName}' makes no name of a function of '${medium}'. End it in what the adapter is over, as in paxos-transport-pigeon.`,
    )
  }
  return { packageName, medium, factory }
}
