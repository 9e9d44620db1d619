/**
 * Ids at which adapters err. Each is an id like any other, and none is another one: what trims,
 * folds case, normalises, escapes, or looks up names in an object makes two of them the same, or
 * loses one. Must hold only well-formed text of at most MAX_ID_BYTES.
 */

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
