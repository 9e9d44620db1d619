/**
 * Which package serves the URLs of a scheme, for one kind of adapter. A package is imported when
 * one of its URLs is opened, and not before: nobody pays for an adapter that is not used.
 */
import { InvalidArgumentError, MissingPackageError } from '@paxos/core'

/** What a package exports to be opened by URL. */
export interface AdapterModule<Adapter> {
  /**
   * A new adapter for `url`, whose scheme is one that the package was registered for. It is not
   * open yet. `options` are handed on as they are; what can never work is refused with
   * InvalidArgumentError.
   */
  fromUrl(url: string, options?: object): Adapter
}

/** The adapters of one kind that are known. */
export interface Registry<Adapter> {
  readonly register: (scheme: string, loadModule: () => Promise<AdapterModule<Adapter>>) => void
  readonly open: (url: string, options?: object) => Promise<Adapter>
}

/**
 * `kind` is for messages, and `registerName` the function that adds to it. `packages` says which
 * package of this repository serves a scheme, and `load` imports it.
 */
export function registry<Adapter, Name extends string>(
  kind: string,
  registerName: string,
  packages: Readonly<Record<string, Name>>,
  load: (name: Name, scheme: string) => Promise<AdapterModule<Adapter>>,
): Registry<Adapter> {
  const loaders = new Map(
    Object.entries(packages).map(([scheme, name]) => [scheme, () => load(name, scheme)] as const),
  )
  return {
    register(scheme, loadModule) {
      const lower = requireScheme(scheme)
      if (loaders.has(lower)) {
        throw new InvalidArgumentError(
          `'${lower}:' has a ${kind} already. Register yours under another scheme.`,
        )
      }
      loaders.set(lower, loadModule)
    },
    async open(url, options) {
      const scheme = /^([a-z][a-z\d+.-]*):/i.exec(url)?.[1]?.toLowerCase()
      const loadModule = scheme === undefined ? undefined : loaders.get(scheme)
      if (loadModule === undefined) {
        const known = [...loaders.keys()].map((name) => `${name}:`).join(', ')
        throw new InvalidArgumentError(
          `No ${kind} is known for '${url}'. Use one of ${known}, or add yours by ${registerName}().`,
        )
      }
      const module = await loadModule()
      if (typeof module.fromUrl === 'function') return module.fromUrl(url, options)
      throw new InvalidArgumentError(
        `What was registered for '${scheme}:' exports no fromUrl(url, options). Add that function.`,
      )
    },
  }
}

/**
 * What to throw when the import of `name` failed with `cause`: MissingPackageError if `name` itself
 * is not there, and otherwise `cause`, for a package that is there and broken.
 */
export function importFailure(cause: unknown, name: string, scheme: string): unknown {
  if (!isAbsent(cause, name)) return cause
  return new MissingPackageError(
    `'${scheme}:' needs the package ${name}, which is not installed. Run: npm install ${name}`,
    { cause },
  )
}

/**
 * Whether `error` says that `name` itself cannot be found, rather than something that it needs. The
 * first name in quotes is what was looked for. Node, Bun, Deno and webpack say by a code that they
 * did not find it; Vite and browsers have words alone.
 */
function isAbsent(error: unknown, name: string): boolean {
  if (!(error instanceof Error)) return false
  if (/['"“]([^'"“”]*)['"”]/.exec(error.message)?.[1] !== name) return false
  const code = 'code' in error ? error.code : undefined
  if (code === undefined) return /\bresolve\b|\bnot remapped\b/.test(error.message)
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}

function requireScheme(scheme: string): string {
  if (/^[a-z][a-z\d+.-]*$/i.test(scheme)) return scheme.toLowerCase()
  throw new InvalidArgumentError(
    `'${scheme}' is no scheme of a URL. Give what stands before the colon, such as 'nats'.`,
  )
}
