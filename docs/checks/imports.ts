/**
 * Finds what a module imports. It reads text rather than a syntax tree, and so keeps to what the
 * formatter guarantees: a statement begins its own line. When in doubt it must find too much, so
 * that a mistake is a failure which somebody sees.
 */

/** What stands in for the specifier of an `import(…)` that is not a plain string. */
export const COMPUTED = '(computed)'

/** One import, and whether it happens only when the code around it runs. */
export interface Import {
  readonly specifier: string
  readonly onDemand: boolean
  /** Whether it is of types alone, so that nothing of it is left when the code runs. */
  readonly isType?: boolean
}

const STATIC = /^[ \t]*(?:import|export)\b(?:[^'"`;()=]*?\bfrom)?\s*(['"])([^'"\n]+)\1/gm
const TYPES = /^\s*(?:import|export)\s+type\b/
const CALL = /(?<![.\w#])(import|require)\s*\(\s*(?:(['"`])([^'"`\n$]+)\2\s*[,)])?/g

const COMMENT = /^\s*(?:\/\/|\/\*|\*)/
/** The head of a method that is called `require`, which imports nothing. */
const METHOD = /^\s*require\(\w+(?:\) \{|: \w+\): \w+)$/

/** What `source` names in imports, re-exports, import types, import() and require(). */
export function importsOf(source: string): Import[] {
  const code = source
    .split('\n')
    .map((line) => (COMMENT.test(line) || METHOD.test(line) ? '' : line))
    .join('\n')
  const statements = [...code.matchAll(STATIC)].map(([statement, , specifier = '']) => ({
    specifier,
    onDemand: false,
    ...(TYPES.test(statement) ? { isType: true } : {}),
  }))
  const calls = [...code.matchAll(CALL)].map(([, word, , specifier = COMPUTED]) => ({
    specifier,
    onDemand: word === 'import',
  }))
  return [...statements, ...calls]
}

/** The package that a specifier belongs to: '@paxos/core/wire' is of '@paxos/core'. */
export function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/')
  return specifier.startsWith('@') ? `${first}/${second}` : first
}
