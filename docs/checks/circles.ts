/**
 * Circles of imports: modules that need each other cannot be read, tested or moved one at a time.
 * Imports of types count too. Each rule is a function from facts to complaints, so that a test can
 * show it an offence.
 */
import { posix } from 'node:path'
import { importsOf } from './imports.ts'

/**
 * One complaint for each knot of modules that lead back to one another, with the shortest way round.
 * `files` are sources, named relative to the top; an import of anything else leads nowhere.
 */
export function circleProblems(files: readonly string[], read: (file: string) => string): string[] {
  const known = new Set(files)
  const graph = new Map(
    files.map((file) => [
      file,
      importsOf(read(file))
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => posix.join(posix.dirname(file), specifier))
        .filter((target) => known.has(target)),
    ]),
  )
  const problems: string[] = []
  const told = new Set<string>()
  for (const file of files) {
    const way = told.has(file) ? null : wayRound(file, graph)
    if (way === null) continue
    for (const part of knotOf(file, graph)) told.add(part)
    problems.push(`${way.join(' imports ')}. Move what they share into a module of its own.`)
  }
  return problems
}

type Graph = ReadonlyMap<string, readonly string[]>

/** The shortest way from `start` back to it, breadth first; null when there is none. */
function wayRound(start: string, graph: Graph): readonly string[] | null {
  const ways: (readonly string[])[] = [[start]]
  const seen = new Set<string>()
  for (const way of ways) {
    for (const next of graph.get(way.at(-1) ?? '') ?? []) {
      if (next === start) return [...way, next]
      if (seen.has(next)) continue
      seen.add(next)
      ways.push([...way, next])
    }
  }
  return null
}

/** All modules that `start` leads to and that lead to it. */
function knotOf(start: string, graph: Graph): readonly string[] {
  const from = reached(start, graph)
  return [...from].filter((file) => reached(file, graph).has(start))
}

function reached(start: string, graph: Graph): ReadonlySet<string> {
  const seen = new Set<string>()
  const open = [start]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    for (const next of graph.get(file) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(next)
    }
  }
  return seen
}
