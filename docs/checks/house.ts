/**
 * What the repository as a whole must look like: what lies at its top, where its links point, what
 * its documents mention, and what must not be committed. Each rule is a function from facts to
 * complaints, so that a test can show it an offence.
 */
import { posix } from 'node:path'
import { anchors, links } from './markdown.ts'

/** Everything that may lie at the top, besides files whose name begins with a dot. */
const AT_THE_TOP = new Set([
  'benchmarks',
  'verification',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'docs',
  'examples',
  'knip.json',
  'LICENSE',
  'package.json',
  'packages',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'README.md',
  'turbo.json',
  'vitest.long.ts',
  'vitest.netns.ts',
  'vitest.shared.ts',
])

/** What lies at the top and should not. */
export function topProblems(files: readonly string[]): string[] {
  const entries = new Set(files.map((file) => file.split('/')[0] ?? ''))
  return [...entries]
    .filter((entry) => !AT_THE_TOP.has(entry) && !/^(?:\.|tsconfig.*\.json$)/.test(entry))
    .map((entry) => `${entry} does not belong at the top of the repository.`)
}

/** Relative links of a document that lead nowhere. `read` gives the text of a listed file. */
export function linkProblems(
  file: string,
  files: readonly string[],
  read: (file: string) => string,
): string[] {
  const exist = new Set(files.flatMap((listed) => [listed, ...foldersOf(listed)]))
  return links(read(file)).flatMap(({ target, line }) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return []
    const [path = '', anchor] = target.split('#')
    const place = path === '' ? file : posix.join(posix.dirname(file), decodeURI(path))
    const listed = place.replace(/\/$/, '')
    const where = `${file}, line ${line}: ${target}`
    if (!exist.has(listed)) return [`${where} does not exist.`]
    if (anchor === undefined || !listed.endsWith('.md')) return []
    return anchors(read(listed)).has(anchor) ? [] : [`${where} is no heading there.`]
  })
}

/** Packages that have no row of their own in a table of `readme`. */
export function tableProblems(readme: string, packageNames: readonly string[]): string[] {
  const firstCells = readme.split('\n').flatMap((line) => /^\s*\|([^|]*)\|/.exec(line)?.[1] ?? [])
  return packageNames
    .filter((name) => !firstCells.some((cell) => names(cell, name)))
    .map((name) => `${name} has no row in the README's table of packages.`)
}

/** Scripts that none of the documents tells how to call. */
export function scriptProblems(scripts: readonly string[], documents: string): string[] {
  return scripts
    .filter((script) => !new RegExp(`pnpm (?:run )?${script}(?![\\w:-])`).test(documents))
    .map((script) => `pnpm ${script} is mentioned in neither README.md nor CONTRIBUTING.md.`)
}

const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\bregistry\.[a-z-]+\.(?:com|org|net|io|dev)\b/, 'the host of a registry'],
  [/\bnpm\.pkg\.[a-z]+\.com\b/, 'the host of a registry'],
  [/(?<![\w.~:/*-])\/(?:home|Users|root|work)\/[\w.-]/, 'a path of one machine'],
  [/\b[A-Z]:\\+Users\\/, 'a path of one machine'],
]

/** What the text of a committed file must not hold. */
export function textProblems(file: string, text: string): string[] {
  const rules = /(?:^|\/)pnpm-lock\.yaml$/.test(file)
    ? [...FORBIDDEN, [/\bhttps?:/, 'a URL, where the lock file needs none'] as const]
    : FORBIDDEN
  return text
    .split('\n')
    .flatMap((line, index) =>
      rules
        .filter(([pattern]) => pattern.test(line))
        .map(([, what]) => `${file}, line ${index + 1} holds ${what}.`),
    )
}

function foldersOf(file: string): string[] {
  const parts = file.split('/')
  return ['.', ...parts.map((_, depth) => parts.slice(0, depth).join('/'))]
}

/** Whether a table cell names the package: with its scope, and not merely a longer name. */
function names(cell: string, name: string): boolean {
  return new RegExp(`(?<![\\w@/-])${name}(?![\\w/-])`).test(cell)
}
