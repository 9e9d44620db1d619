/**
 * What a server shows and asks for, read from files and the environment: never from its arguments,
 * which everybody on the machine can see. What cannot work is refused at once, and what will not
 * for long is complained about.
 */
import { complaintsAbout, requireUsable } from './certificates.ts'
import type { Pem } from './certificates.ts'
import { UserError } from './fail.ts'
import type { HttpTls } from './listen.ts'
import { parseKey, readPublic, readSecret } from './secret-files.ts'
import { parseTokens, Tokens } from './tokens.ts'

/** Where they are. */
export interface SecretPaths {
  /** For the other nodes, on wss: and grpcs:. */
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly tlsCa?: string | undefined
  /** For the other nodes, on udp:. The first one signs. */
  readonly peerKey?: readonly string[] | undefined
  /** For clients. */
  readonly httpCert?: string | undefined
  readonly httpKey?: string | undefined
  readonly httpCa?: string | undefined
  readonly tokenFile?: string | undefined
}

/** The variable of the environment that holds tokens, where no file is named. */
export const TOKEN_VARIABLE = 'KV_TOKEN'

/** What is wrong, or soon will be, at that time. */
export type Complaints = (nowMs: number) => readonly string[]

const NONE: Complaints = () => []

/** What a transport is made with, and renewed with. */
export type PeerSecrets =
  | { readonly tls: Pem }
  | {
      readonly authentication: { readonly sign: Uint8Array; readonly accept: readonly Uint8Array[] }
    }

/** How the transport of `address` is made for node `id`; `null`: with nothing. Rejects with UserError. */
export async function loadPeerSecrets(
  paths: SecretPaths,
  id: string,
  address: string,
): Promise<{ readonly secrets: PeerSecrets | null; readonly complaints: Complaints }> {
  const scheme = /^[a-z]+/i.exec(address)?.[0].toLowerCase() ?? ''
  const { peerKey = [] } = paths
  if (peerKey.length > 0 && scheme !== 'udp') {
    throw new UserError(`--peer-key is for members on udp:, and not for ${scheme}:. Leave it out.`)
  }
  const pem = await loadPem(paths.tlsCert, paths.tlsKey, paths.tlsCa, '--tls')
  const isSecure = scheme === 'wss' || scheme === 'grpcs'
  if (isSecure && pem === null) {
    throw new UserError(`Members on ${scheme}: need certificates. Give --tls-cert and --tls-key.`)
  }
  if (!isSecure && pem !== null) {
    throw new UserError(`--tls-cert is for members on wss: and grpcs:, not for ${scheme}:.`)
  }
  if (pem !== null) {
    const purpose = { name: 'The certificate of --tls-cert', commonName: id, ca: pem.ca }
    return {
      secrets: { tls: pem },
      complaints: (nowMs) => complaintsAbout(pem.cert, purpose, nowMs),
    }
  }
  const [sign, ...accept] = await Promise.all(
    peerKey.map(async (path) => parseKey(await readSecret(path), path)),
  )
  const secrets = sign === undefined ? null : { authentication: { sign, accept } }
  return { secrets, complaints: NONE }
}

/** What the HTTP server shows and asks for. */
export interface HttpSecrets {
  readonly tls: HttpTls | undefined
  readonly tokens: Tokens | undefined
  readonly complaints: Complaints
}

/** `host` is what clients ask for, if that is known. Rejects with UserError. */
export async function loadHttpSecrets(
  paths: SecretPaths,
  host: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<HttpSecrets> {
  const { httpCert, httpKey, httpCa, tokenFile } = paths
  const pem = await loadPem(httpCert, httpKey, httpCa, '--http')
  const purpose = {
    name: 'The certificate of --http-cert',
    ...(host === undefined ? {} : { host }),
  }
  return {
    tls: pem ?? undefined,
    tokens: await loadTokens(tokenFile, environment[TOKEN_VARIABLE]),
    complaints: pem === null ? NONE : (nowMs) => complaintsAbout(pem.cert, purpose, nowMs),
  }
}

async function loadTokens(
  path: string | undefined,
  variable: string | undefined,
): Promise<Tokens | undefined> {
  if (path !== undefined) return new Tokens(parseTokens(await readSecret(path), path))
  return variable === undefined ? undefined : new Tokens(parseTokens(variable, TOKEN_VARIABLE))
}

async function loadPem(
  cert: string | undefined,
  key: string | undefined,
  ca: string | undefined,
  option: '--tls' | '--http',
): Promise<Pem | null> {
  if (cert === undefined && key === undefined && ca === undefined) return null
  if (cert === undefined || key === undefined) {
    throw new UserError(`${option}-cert and ${option}-key go together. Give both, or neither.`)
  }
  const pem = {
    cert: await readPublic(cert),
    key: await readSecret(key),
    ...(ca === undefined ? {} : { ca: await readPublic(ca) }),
  }
  requireUsable(pem, `The certificate of ${option}-cert`)
  return pem
}
