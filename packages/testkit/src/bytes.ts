/**
 * The bytes that scenarios send and save. Must be the same in every run.
 */

export function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

/** Bytes that differ from place to place, so that a part that is lost or moved is noticed. */
export function filled(length: number): Uint8Array {
  const content = new Uint8Array(length)
  // A loop and not from(): of a mebibyte that would take a hundred times as long.
  for (let index = 0; index < length; index += 1) content[index] = index * 31 + (index >> 8)
  return content
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
