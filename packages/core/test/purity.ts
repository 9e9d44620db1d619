/**
 * Finds in a source file what would make core depend on anything but its inputs: imports from
 * outside, clocks, randomness, the platform. It reads tokens, so that comments and strings may
 * speak of what the code must not do.
 */

/** What `source` uses that it must not; empty when it is pure. */
export function impurities(source: string, options: { readonly promises: boolean }): string[] {
  const tokens = tokensOf(source)
  return tokens.flatMap((token, index) => {
    const [previous, next] = [tokens[index - 1], tokens[index + 1]]
    if (token.kind === 'string') return importedFromOutside(token, previous)
    if (token.kind !== 'word') return []
    if (token.text === 'import' && (next?.text === '(' || next?.text === '.')) {
      return [`import${next.text}`]
    }
    const isMember = previous?.text === '.' || previous?.text === '?.'
    if (isMember) {
      const owner = tokens[index - 2]?.text ?? ''
      const name = `${owner}.${token.text}`
      return IMPURE_MEMBERS.has(token.text) || name === 'Math.random' ? [name] : []
    }
    if (token.text === 'Math' && next?.text !== '.') return ['Math as a value']
    if (token.text === 'Promise') return options.promises ? [] : ['Promise']
    return IMPURE_NAMES.has(token.text) ? [token.text] : []
  })
}

/** Names of the language and of any platform that give a program something besides its inputs. */
const IMPURE_NAMES: ReadonlySet<string> = new Set(
  `process globalThis global window self document navigator Date performance Temporal
  setTimeout setInterval setImmediate queueMicrotask requestAnimationFrame MessageChannel
  crypto console fetch XMLHttpRequest WebSocket Worker require module Buffer
  async await eval Function Intl Atomics SharedArrayBuffer WeakRef FinalizationRegistry`.split(
    /\s+/,
  ),
)

/** Members that differ by the locale of the machine, or that lead to `Function`. */
const IMPURE_MEMBERS: ReadonlySet<string> = new Set(
  `constructor localeCompare toLocaleString toLocaleLowerCase toLocaleUpperCase`.split(/\s+/),
)

function importedFromOutside(token: Token, previous: Token | undefined): string[] {
  const isImport = previous?.text === 'from' || previous?.text === 'import'
  const isRelative = token.text.startsWith('./') || token.text.startsWith('../')
  return isImport && !isRelative ? [`import of ${token.text}`] : []
}

interface Token {
  readonly kind: 'word' | 'string' | 'punctuation'
  readonly text: string
}

/** In this order: comments, strings, words, numbers, regular expressions, and the rest. */
const TOKEN =
  /(?<comment>\/\/.*|\/\*[^]*?\*\/)|'(?<single>(?:[^'\\\n]|\\[^])*)'|"(?<double>(?:[^"\\\n]|\\[^])*)"|(?<tick>`)|(?<word>[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)|(?<number>\d[\w.]*)|(?<punctuation>\?\.|=>|[^\s])|\s+/uy

/** The tokens of `source`, those in the placeholders of template strings included. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  /** For each template string that is open: how many braces are open in its placeholder. */
  const placeholders: number[] = []
  let index = 0
  while (index < source.length) {
    TOKEN.lastIndex = index
    const groups = TOKEN.exec(source)?.groups ?? {}
    const text = groups['punctuation']
    const depth = placeholders.at(-1)
    if (groups['tick'] !== undefined || (text === '}' && depth === 0)) {
      if (text === '}') placeholders.pop()
      const end = endOfTemplatePart(source, index + 1)
      if (source[end] === '$') placeholders.push(0)
      index = end + (source[end] === '$' ? 2 : 1)
      tokens.push({ kind: 'punctuation', text: '`' })
      continue
    }
    if (text === '/' && startsRegularExpression(tokens.at(-1))) {
      index = endOfRegularExpression(source, index + 1)
      tokens.push({ kind: 'punctuation', text: '/' })
      continue
    }
    if (depth !== undefined && text === '{') placeholders.splice(-1, 1, depth + 1)
    if (depth !== undefined && text === '}') placeholders.splice(-1, 1, depth - 1)
    const string = groups['single'] ?? groups['double']
    if (string !== undefined) tokens.push({ kind: 'string', text: string })
    if (groups['word'] !== undefined) tokens.push({ kind: 'word', text: groups['word'] })
    if (groups['number'] !== undefined) tokens.push({ kind: 'punctuation', text: '0' })
    if (text !== undefined) tokens.push({ kind: 'punctuation', text })
    index = Math.max(TOKEN.lastIndex, index + 1)
  }
  return tokens
}

/** The index of the backtick, or of the `${`, that ends the text from `index` on. */
function endOfTemplatePart(source: string, index: number): number {
  let end = index
  while (end < source.length && source[end] !== '`' && !source.startsWith('${', end)) {
    end += source[end] === '\\' ? 2 : 1
  }
  return end
}

/** A slash divides after a value, and begins a regular expression elsewhere. */
function startsRegularExpression(previous: Token | undefined): boolean {
  if (previous === undefined) return true
  if (previous.kind === 'string') return false
  if (previous.kind === 'word')
    return ['return', 'typeof', 'case', 'in', 'of'].includes(previous.text)
  return ![')', ']', '}', '0', '`'].includes(previous.text)
}

function endOfRegularExpression(source: string, index: number): number {
  let end = index
  let inClass = false
  while (end < source.length && (inClass || source[end] !== '/')) {
    if (source[end] === '[') inClass = true
    if (source[end] === ']') inClass = false
    end += source[end] === '\\' ? 2 : 1
  }
  return end + 1
}
