/**
 * Strings to UTF-8 and back, strictly. Written by hand because core must run where there is no
 * TextEncoder, and because a lenient one would replace what it cannot read: two different ids must
 * never become the same one.
 */
import { DecodeError, InvalidArgumentError } from '../errors.ts'

/** Below this a byte is a code point: nearly all that there is in names, so it is looked at first. */
const ASCII_END = 0x80

/** The lengths of UTF-8 above: the lowest lead byte of each, and the code points that need it. */
const FORMS = [
  { continuations: 1, lead: 0xc0, lowest: 0x80, end: 0x800 },
  { continuations: 2, lead: 0xe0, lowest: 0x800, end: 0x10000 },
  { continuations: 3, lead: 0xf0, lowest: 0x10000, end: 0x110000 },
]

/**
 * The UTF-8 bytes of `text`. Throws InvalidArgumentError for a lone surrogate, which no UTF-8 can
 * express.
 */
export function encodeUtf8(text: string): number[] {
  const bytes: number[] = []
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0
    if (codePoint < ASCII_END) {
      bytes.push(codePoint)
      continue
    }
    const form = FORMS.find(({ end }) => codePoint < end)
    if (form === undefined || isSurrogate(codePoint)) {
      throw new InvalidArgumentError('An id holds half of a surrogate pair. Use well-formed text.')
    }
    let shift = 6 * form.continuations
    bytes.push(form.lead | (codePoint >> shift))
    while (shift > 0) {
      shift -= 6
      bytes.push(0x80 | ((codePoint >> shift) & 0x3f))
    }
  }
  return bytes
}

/**
 * The text that `bytes` are the UTF-8 of. Throws DecodeError when there is none: for overlong
 * forms, surrogates, code points above U+10FFFF, and what is cut off.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = ''
  let position = 0
  while (position < bytes.length) {
    const first = bytes[position++] ?? 0
    if (first < ASCII_END) {
      text += String.fromCharCode(first)
      continue
    }
    // What cannot be a lead byte at all ends up outside the range of the form that it falls into.
    const form = FORMS.findLast(({ lead }) => first >= lead)
    if (form === undefined) throw notUtf8()
    let codePoint = first - form.lead
    for (let left = form.continuations; left > 0; left -= 1) {
      const byte = bytes[position++] ?? 0
      if (byte >> 6 !== 0b10) throw notUtf8()
      codePoint = codePoint * 64 + (byte & 0x3f)
    }
    const inRange = codePoint >= form.lowest && codePoint < form.end
    if (!inRange || isSurrogate(codePoint)) throw notUtf8()
    text += String.fromCodePoint(codePoint)
  }
  return text
}

function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff
}

function notUtf8(): DecodeError {
  return new DecodeError('An id is not well-formed UTF-8. Drop the frame.')
}
