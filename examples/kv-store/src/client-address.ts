/**
 * Shares of what all clients of a server have: one address gets no more than its own, so that one
 * stranger does not shut out all others. Must never grow with addresses that hold nothing.
 */
import { isIPv6 } from 'node:net'

export class Shares {
  readonly #most: number
  readonly #held = new Map<string, number>()

  /** `share` of `all`, but one at least. */
  constructor(all: number, share: number) {
    this.#most = Math.max(1, Math.floor(all * share))
  }

  /** One more for that client. False when it has its share; then nothing is taken. */
  take(client: string): boolean {
    const held = this.#held.get(client) ?? 0
    if (held >= this.#most) return false
    this.#held.set(client, held + 1)
    return true
  }

  give(client: string): void {
    const held = this.#held.get(client) ?? 0
    if (held > 1) this.#held.set(client, held - 1)
    else this.#held.delete(client)
  }
}

/**
 * Who a client is, as far as its address tells: of IPv6 the first 64 bits, as whoever has one
 * address has all that begin with them. An IPv4 address is the same in either notation.
 */
export function clientOf(address = ''): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter((group) => group !== '')
  const right = (tail ?? '').split(':').filter((group) => group !== '')
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return `${[...left, ...(tail === undefined ? [] : zeros), ...right].slice(0, 4).join(':')}::/64`
}
