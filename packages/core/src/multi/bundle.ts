/**
 * Values put together into one, so that they take one slot: the commands of many sessions, as they
 * were encoded where they were proposed. Looks at no more of a value than it has to, and copies it
 * once. Must never put a value behind another one that stood before it, nor make a value that
 * decodeEntry() refuses of values that it does not.
 */
import { ByteWriter, integerBytes } from './bytes.ts'
import { commandCount, entryKey, KIND, partsIn } from './entry.ts'
import { MAX_COMMANDS } from './limits.ts'

/**
 * `values` in as few as say the same, in the same order: commands that stand beside one another are
 * one value, as far as that has at most `maxBytes` and MAX_COMMANDS commands. What is longer, and
 * what is something else than commands, stays as it is, and so does a lone value.
 */
export function bundled(values: readonly Uint8Array[], maxBytes: number): readonly Uint8Array[] {
  const bundles: Uint8Array[] = []
  let [parts, commands, bytes]: [Uint8Array[], number, number] = [[], 0, 1]
  const close = (): void => {
    if (parts.length > 1) bundles.push(bundleOf(parts, bytes))
    else bundles.push(...parts)
    ;[parts, commands, bytes] = [[], 0, 1]
  }
  for (const value of values) {
    const count = commandCount(value)
    const size = integerBytes(value.length) + value.length
    if (count === 0 || commands + count > MAX_COMMANDS || bytes + size > maxBytes) close()
    if (count === 0) bundles.push(value)
    else {
      parts.push(value)
      commands += count
      bytes += size
    }
  }
  close()
  return bundles
}

/** As entryKey(), of each that stands in `value`, be it one or a bundle of them. */
export function entryKeys(value: Uint8Array): readonly string[] {
  const parts = value[0] === KIND.bundle ? partsIn(value) : [value]
  return parts.map(entryKey).filter((key) => key !== null)
}

function bundleOf(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const writer = new ByteWriter(bytes)
  writer.byte(KIND.bundle)
  for (const part of parts) writer.sizedBytes(part)
  return writer.finish()
}
