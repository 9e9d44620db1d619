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
  readonly register: (scheme: string, load: () => Promise<AdapterModule<Adapter>>) => void
  readonly open: (url: string, options?: object) => Promise<Adapter>
}

/** A package of this repository. */
export interface BuiltIn<Adapter> {
  readonly name: string
  readonly schemes: readonly string[]
  readonly load: () => Promise<AdapterModule<Adapter>>
}

/** `kind` is for messages, and `registerName` the function that adds to it. */
export function registry<Adapter>(
  kind: string,
  registerName: string,
  builtIn: readonly BuiltIn<Adapter>[],
): Registry<Adapter> {
  const loaders = new Map(
    builtIn.flatMap(({ name, schemes, load }) =>
      schemes.map((scheme) => [scheme, () => loadPackage(name, scheme, load)] as const),
    ),
  )
  return {
    register(scheme, load) {
      const lower = requireScheme(scheme)
      if (loaders.has(lower)) {
        throw new InvalidArgumentError(
          `'${lower}:' has a ${kind} already. Register yours under another scheme.`,
        )
      }
      loaders.set(lower, load)
    },
    async open(url, options) {
      const scheme = /^([a-z][a-z\d+.-]*):/i.exec(url)?.[1]?.toLowerCase()
      const load = scheme === undefined ? undefined : loaders.get(scheme)
      if (load === undefined) {
        const known = [...loaders.keys()].map((name) => `${name}:`).join(', ')
        throw new InvalidArgumentError(
          `No ${kind} is known for '${url}'. Use one of ${known}, or add yours by ${registerName}().`,
        )
      }
      const module = await load()
      if (typeof module.fromUrl === 'function') return module.fromUrl(url, options)
      throw new InvalidArgumentError(
        `What was registered for '${scheme}:' exports no fromUrl(url, options). Add that function.`,
      )
    },
  }
}

async function loadPackage<Adapter>(
  name: string,
  scheme: string,
  load: () => Promise<AdapterModule<Adapter>>,
): Promise<AdapterModule<Adapter>> {
  try {
    return await load()
  } catch (cause) {
    if (!isAbsent(cause, name)) throw cause
    throw new MissingPackageError(
      `'${scheme}:' needs the package ${name}, which is not installed. Run: npm install ${name}`,
      { cause },
    )
  }
}

/** Whether `error` says that `name` itself cannot be found, rather than something that it needs. */
function isAbsent(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !error.message.includes(`'${name}'`)) return false
  return 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}

function requireScheme(scheme: string): string {
  if (/^[a-z][a-z\d+.-]*$/i.test(scheme)) return scheme.toLowerCase()
  throw new InvalidArgumentError(
    `'${scheme}' is no scheme of a URL. Give what stands before the colon, such as 'nats'.`,
  )
}
