/**
 * Ids at which adapters err. Each is an id like any other, and none is another one: what trims,
 * folds case, normalises, escapes, or looks up names in an object makes two of them the same, or
 * loses one. Must hold only well-formed text of at most MAX_ID_BYTES.
 */
import type { NodeId } from '@paxos/core'

export const LOOKALIKE_IDS = [
  'n',
  'N',
  ' n',
  'n ',
  'n\0',
  'n\0m',
  'n/m',
  'é',
  'e\u0301',
  '\uFEFFn',
  '1',
  '01',
  '%6E',
  '__proto__',
  'constructor',
  '\n',
  `"'\\`,
  'null',
] as const

/** Some of them, for nodes: each costs connections, and what proves it. */
export const SENDER_IDS = ['n', 'N', ' n ', 'n\0', '\uFEFFn', 'é', 'e\u0301', '__proto__'] as const

/**
 * Every id that the suite of transports opens a node with, but for those that a transport may refuse:
 * for harnesses that have to prepare something for each, such as a certificate.
 */
export const TRANSPORT_IDS: readonly NodeId[] = [
  'a',
  'b',
  'c',
  'peer',
  'late',
  'closing',
  '',
  'ñ😀',
  'x'.repeat(255),
  ...SENDER_IDS,
]

/** The ids of TRANSPORT_IDS that it opens impostors with. */
export const IMPOSTOR_IDS: readonly NodeId[] = ['a', 'b']
