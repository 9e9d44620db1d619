/**
 * The examples in the documents, as programs: which there are, what each says that it prints, and
 * which must be there. Must never let a block pass for run that was not.
 */
import { importsOf } from './imports.ts'
import { codeBlocks } from './markdown.ts'

/** One ```ts block. */
export interface Snippet {
  readonly file: string
  /** The line of the first line of code in the document, counted from 1. */
  readonly line: number
  readonly code: string
  /** False for ```ts no-run: it must compile, and is not executed. */
  readonly runs: boolean
  /** What the comments say that it prints, line by line. */
  readonly expected: readonly string[]
}

/** What the READMEs of a package must show by running it. */
interface Promised {
  /** For people. */
  readonly name: string
  readonly isShownBy: (code: string) => boolean
}

/** The ```ts blocks of a document. Throws on a word after `ts` that is not `no-run`. */
export function snippetsOf(file: string, markdown: string): Snippet[] {
  return codeBlocks(markdown)
    .map((block) => ({ ...block, words: block.info.split(/\s+/) }))
    .filter(({ words }) => words[0] === 'ts' || words[0] === 'typescript')
    .filter(({ words }) => words[1] !== 'from')
    .map(({ code, line, words }) => {
      const [language, ...rest] = words
      if (language !== 'ts' || (rest.length > 0 && rest.join(' ') !== 'no-run')) {
        throw new SyntaxError(
          `${file}, line ${line - 1}: '${words.join(' ')}' is neither 'ts' nor 'ts no-run'.`,
        )
      }
      return { file, line, code, runs: rest.length === 0, expected: expectedLines(code) }
    })
}

/** One ```ts from path block: lines of a file, shown as they are. */
export interface Excerpt {
  readonly line: number
  readonly code: string
  /** Relative to the document. */
  readonly path: string
}

/** The excerpts of a document. */
export function excerptsOf(markdown: string): Excerpt[] {
  return codeBlocks(markdown).flatMap(({ info, code, line }) => {
    const path = /^ts from (\S+)$/.exec(info)?.[1]
    return path === undefined ? [] : [{ line, code, path }]
  })
}

/** Whether `code` is a run of whole lines of `text`, which may all be indented. */
export function isExcerpt(code: string, text: string): boolean {
  const wanted = code.split('\n')
  const lines = text.split('\n')
  return lines.some((first, start) => {
    const indent = first.slice(0, first.length - (wanted[0]?.length ?? 0))
    return (
      indent.trim() === '' &&
      wanted.every((line, index) => lines[start + index] === (line === '' ? '' : indent + line))
    )
  })
}

/** Each `// → text` in the order of the lines, with nothing but its trailing spaces lost. */
function expectedLines(code: string): string[] {
  return code.split('\n').flatMap((text) => {
    const expected = /\/\/ →(?: (.*))?$/.exec(text)
    return expected === null ? [] : [(expected[1] ?? '').trimEnd()]
  })
}

/** The entry points that a package's README must show, where its own name is not enough. */
const PROMISED: Readonly<Record<string, readonly Promised[]>> = {
  '@paxos/core': ['essential', 'practical', 'functional', 'external', 'wire'].map((entry) =>
    importing(`@paxos/core/${entry}`),
  ),
  '@paxos/adapter-kit': ['links', 'sockets', 'datagrams', 'stores'].map((entry) =>
    importing(`@paxos/adapter-kit/${entry}`),
  ),
  '@paxos/durability-file': [
    using('DurableObject', '@paxos/durability-file'),
    using('file(', '@paxos/durability-file'),
  ],
}

/** What the README of `packageName` promises and none of its executed snippets shows. */
export function missingFrom(packageName: string, snippets: readonly Snippet[]): string[] {
  const promised = PROMISED[packageName] ?? [importing(packageName)]
  return promised
    .filter(({ isShownBy }) => !snippets.some(({ runs, code }) => runs && isShownBy(code)))
    .map(({ name }) => name)
}

function importing(specifier: string): Promised {
  return { name: specifier, isShownBy: (code) => imports(code, specifier) }
}

function using(text: string, specifier: string): Promised {
  const word = new RegExp(`(?<![\\w.])${text.replace('(', '\\(')}`)
  return {
    name: `${text.replace('(', '()')} of ${specifier}`,
    isShownBy: (code) =>
      imports(code, specifier) && word.test(code.replaceAll(/^\s*\/\/.*$/gm, '')),
  }
}

function imports(code: string, specifier: string): boolean {
  return importsOf(code).some((found) => found.specifier === specifier)
}
