/**
 * Who may become a client: looked at before anything that it says is read. It keeps out web pages that
 * somebody on this machine visits, and whoever has no token and no certificate. Must never look into
 * what is served, log a token, or take another time for one that is nearly right.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { PeerCertificate } from 'node:tls'
import { InvalidArgumentError, kindOf, requireFunction } from '@paxos/core'
import { MAX_TOKENS, MIN_TOKEN_CHARACTERS } from './limits.ts'

/** What somebody shows who wants to be a client. */
export interface Credentials {
  /** Of the header `Authorization: Bearer …`; `null` when there is none. */
  readonly token: string | null
  /** A certificate that an authority of `tls.ca` has signed; `null` when there is none. */
  readonly certificate: PeerCertificate | null
  /** The one common name in it; `null` where there is none, or several. */
  readonly commonName: string | null
  /** The IP address from which it comes; a proxy's, where there is one. */
  readonly remoteAddress: string
}

/** Says who that is, in a name for logs; or `null`, and it is not let in. */
export type Authorize = (credentials: Credentials) => string | null | Promise<string | null>

export interface AdmissionOptions {
  /** Whoever shows one of these may come in. Each has 16 characters or more. Default: none is asked for. */
  readonly tokens?: readonly string[] | undefined
  /** Decides beside that: both have to agree. Default: nobody else is asked. */
  readonly authorize?: Authorize | undefined
}

/** Why somebody is not let in: a status of HTTP. */
export type Refusal = 400 | 401 | 403

export class Doorkeeper {
  readonly #tokens: Tokens | null
  readonly #authorize: Authorize | null

  /** Throws InvalidArgumentError for what is no token, without repeating it. */
  constructor({ tokens, authorize }: AdmissionOptions) {
    requireFunction('authorize', authorize)
    this.#tokens = tokens === undefined ? null : new Tokens(tokens)
    this.#authorize = authorize ?? null
  }

  /** Whether anybody is kept out, apart from web pages. */
  get asks(): boolean {
    return this.#tokens !== null || this.#authorize !== null
  }

  /** The name of who asks, or why it is not let in. Never rejects. */
  async admit(request: IncomingMessage): Promise<string | Refusal> {
    // Browsers say where a page is from, and let it speak with whomever it names, this machine too.
    if (request.headers.origin !== undefined) return 403
    const credentials = credentialsOf(request)
    const place = this.#tokens === null ? null : this.#tokens.find(credentials.token)
    if (place === 0) return 401
    const { commonName, remoteAddress } = credentials
    const named = place === null ? (commonName ?? remoteAddress) : `token ${place}`
    if (this.#authorize === null) return named
    try {
      const found: unknown = await this.#authorize(credentials)
      return typeof found === 'string' ? found : 401
    } catch {
      // It could not say, so it did not agree.
      return 401
    }
  }
}

/** Tokens by their hashes: the tokens themselves are not kept. */
class Tokens {
  readonly #hashes: readonly Buffer[]

  constructor(tokens: readonly string[]) {
    if (!Array.isArray(tokens) || tokens.length === 0 || tokens.length > MAX_TOKENS) {
      throw new InvalidArgumentError(
        `tokens is ${kindOf(tokens)}. Give a list of 1 to ${MAX_TOKENS}, or leave it out.`,
      )
    }
    if (!tokens.every((token) => isToken(token) && token.length >= MIN_TOKEN_CHARACTERS)) {
      throw new InvalidArgumentError(
        `One of the tokens could be guessed, or not be sent. Each has ${MIN_TOKEN_CHARACTERS} ` +
          'characters or more, without spaces, as openssl rand -hex 32 makes them.',
      )
    }
    this.#hashes = tokens.map((token) => hashOf(token))
  }

  /** Which one it is, from 1 on; 0 for none. */
  find(token: string | null): number {
    const shown = hashOf(token ?? '')
    let found = 0
    // All of them, so that the time tells nothing.
    for (const [index, hash] of this.#hashes.entries()) {
      if (timingSafeEqual(hash, shown)) found = index + 1
    }
    return token === null ? 0 : found
  }
}

/** Whether a header can carry it. */
export function isToken(token: unknown): token is string {
  return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function credentialsOf({ headers, socket }: IncomingMessage): Credentials {
  const token = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? null
  const isCertified = socket instanceof TLSSocket && socket.authorized
  const certificate = isCertified ? certificateOf(socket) : null
  const name: unknown = certificate?.subject?.CN
  return {
    token,
    certificate,
    commonName: typeof name === 'string' ? name : null,
    remoteAddress: socket.remoteAddress ?? '',
  }
}

/** Without one, Node.js gives an object that is empty. */
function certificateOf(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerCertificate()
  return Object.keys(certificate).length === 0 ? null : certificate
}
