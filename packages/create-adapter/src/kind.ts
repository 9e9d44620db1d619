/** The kinds of adapters, by the medium that they are for. */

/** What can be begun. */
export const KINDS = ['transport', 'datagrams', 'durability'] as const

/** A medium that has connections, one of datagrams, or a place to keep things. */
export type Kind = (typeof KINDS)[number]

export function isKind(text: string): text is Kind {
  return KINDS.some((kind) => kind === text)
}
