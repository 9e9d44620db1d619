/**
 * What came of asking the nodes, for the error of who gives up: an operator has to see from it which
 * address is wrong and why. Must never hold a token, nor what a node that is none of ours has said.
 */
import type { Try } from './client-errors.ts'

/** Why a node was not reached, or did not answer. */
export interface Failure {
  readonly why: string
  /** Whether nobody was there to take the request: nothing was sent. */
  readonly isUnreachable: boolean
}

export class Tries {
  readonly #count: number
  readonly #last = new Map<string, Failure>()
  /** Since when every try has found nobody, in milliseconds; `null` when the last one did not. */
  #nobodySinceMs: number | null = null

  /** `nodes` is how many there are. */
  constructor(nodes: number) {
    this.#count = nodes
  }

  note(node: string, failure: Failure): void {
    this.#last.set(node, failure)
    if (failure.isUnreachable) this.#nobodySinceMs ??= performance.now()
    else this.#nobodySinceMs = null
  }

  /** Whether no node has been there for so long, and each was asked. */
  isNobodyThere(forMs: number): boolean {
    return (
      this.#nobodySinceMs !== null &&
      performance.now() - this.#nobodySinceMs >= forMs &&
      this.#last.size >= this.#count &&
      [...this.#last.values()].every(({ isUnreachable }) => isUnreachable)
    )
  }

  get list(): readonly Try[] {
    return [...this.#last].map(([node, { why }]) => ({ node, why }))
  }

  /** In one clause: each node, and what it did at last. */
  get text(): string {
    if (this.#last.size === 0) return 'there was no time to ask'
    return this.list.map(({ node, why }) => `${node} ${why}`).join('; ')
  }
}

/** What an attempt that threw has come to. */
export function failureOf(error: unknown): Failure {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') {
    return { why: 'refused the connection (ECONNREFUSED)', isUnreachable: true }
  }
  if (code !== null && UNREACHABLE.has(code)) {
    return { why: `cannot be reached (${code})`, isUnreachable: true }
  }
  if (code !== null && isOfCertificates(code)) {
    return { why: `shows a certificate that is not trusted (${code})`, isUnreachable: true }
  }
  return { why: `failed: ${code ?? messageOf(error)}`, isUnreachable: false }
}

/** Nothing is sent before these. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
])

function isOfCertificates(code: string): boolean {
  return /CERT|SIGNATURE|UNABLE_TO_/.test(code)
}

/** What the socket said may be wrapped, and a name with several addresses has an error of each. */
function codeOf(error: unknown): string | null {
  for (const found of [error instanceof Error ? error.cause : null, error]) {
    if (found instanceof Error && 'code' in found && typeof found.code === 'string') {
      return found.code
    }
  }
  return null
}

function messageOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : { cause: undefined }
  if (cause instanceof Error) return cause.message
  return error instanceof Error ? error.message : String(error)
}
