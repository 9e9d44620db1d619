/**
 * Runs every example of the documents. An example that prints anything but what it says, or that
 * no longer compiles, is a lie that somebody will copy. They run on what was built.
 */
import { posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listFiles, listPackages, read } from '../checks/repository.ts'
import { layOut } from '../checks/run.ts'
import type { Project } from '../checks/run.ts'
import { excerptsOf, isExcerpt, missingFrom, snippetsOf } from '../checks/snippet.ts'
import type { Snippet } from '../checks/snippet.ts'

const documents = listFiles().filter((file) =>
  /^(?:README\.md|docs\/[^/]+\.md|packages\/[^/]+\/README\.md)$/.test(file),
)
const snippets = documents.flatMap((file) => snippetsOf(file, read(file)))

describe('every example in the documents is true', () => {
  let project: Project
  let problems: ReadonlyMap<Snippet, readonly string[]>
  beforeAll(async () => {
    project = layOut(snippets)
    problems = await project.typecheck()
  })
  afterAll(() => project.remove())

  for (const snippet of snippets) {
    const { file, line, runs } = snippet
    const title = `${file}, line ${line}: ${runs ? 'runs as printed' : 'compiles'}`
    it(title, async () => {
      expect(problems.get(snippet)).toEqual([])
      if (runs) expect(await project.run(snippet)).toBeNull()
    })
  }
})

describe('every excerpt in the documents is what the file says', () => {
  const excerpts = documents.flatMap((file) =>
    excerptsOf(read(file)).map((excerpt) => ({ file, ...excerpt })),
  )

  it.each(excerpts.map((excerpt) => [`${excerpt.file}, line ${excerpt.line}`, excerpt] as const))(
    '%s',
    (_, { file, code, path }) => {
      expect(isExcerpt(code, read(posix.join(posix.dirname(file), path)))).toBe(true)
    },
  )

  const text = 'function a() {\n  return {\n    b: 1,\n\n    c: 2,\n  }\n}\n'
  it.each([
    ['whole lines', 'function a() {\n  return {', true],
    ['indented lines', 'return {\n  b: 1,\n\n  c: 2,\n}', true],
    ['half a line', 'return {\n  b', false],
    ['lines that are not together', 'return {\n  c: 2,', false],
    ['another indentation', 'return {\nb: 1,', false],
    ['what is not there', 'return 1', false],
  ])('%s', (_, code, expected) => {
    expect(isExcerpt(code, text)).toBe(expected)
  })

  it('a block says where its lines are from', () => {
    expect(excerptsOf('```ts from ../a.ts\nb\n```\n```ts\nc\n```')).toEqual([
      { line: 2, code: 'b', path: '../a.ts' },
    ])
  })
})

describe('every package shows in its README, by an example that runs, what it is for', () => {
  it.each(listPackages().map(({ folder, manifest }) => [manifest.name, `${folder}/README.md`]))(
    '%s',
    (name, readme) => {
      const own = snippets.filter(({ file }) => file === readme)
      expect(missingFrom(name, own)).toEqual([])
    },
  )
})

describe('an example that is not true is caught', () => {
  const fence = '```'
  const block = (code: string, info = 'ts') => `# Title\n\n${fence}${info}\n${code}\n${fence}\n`
  const examples = {
    'prints what it says': "console.log('yes') // → yes",
    'prints an empty line': "console.log('') // →",
    'prints something else': "console.log('no') // → yes",
    'prints the right lines in another order': "console.log('b') // → a\nconsole.log('a') // → b",
    'prints more than it says': "console.log('yes') // → yes\nconsole.log('more')",
    'prints less than it says': "console.log('yes') // → yes\n// → more",
    'prints, and says nothing of it': "console.log('yes')",
    throws: "throw new Error('broken')",
    rejects: "void Promise.reject(new Error('broken'))",
    'exits with another code': 'process.exitCode = 3',
    'warns on standard error': "console.warn('careful')",
    hangs: 'setInterval(() => undefined, 1000)',
    'never stops printing': "while (true) console.log('x'.repeat(10_000))",
    'has a type error': 'const count: number = "one"\nconsole.log(typeof count) // → string',
    'imports what is not there': "import { nothing } from '@paxos/core'\nvoid nothing",
    'leaves a variable unused': 'const unused = 1',
  }
  const snippetOf = new Map(
    Object.entries(examples).flatMap(([name, code]) => {
      const [snippet] = snippetsOf('example.md', block(code))
      return snippet === undefined ? [] : [[name, snippet] as const]
    }),
  )
  let project: Project
  beforeAll(() => {
    project = layOut([...snippetOf.values()])
  })
  afterAll(() => project.remove())
  const run = async (name: string, timeoutMs?: number) => {
    const snippet = snippetOf.get(name)
    if (snippet === undefined) throw new TypeError(`There is no example that ${name}.`)
    return project.run(snippet, timeoutMs)
  }

  it('a true one passes', async () => {
    expect(await run('prints what it says')).toBeNull()
    expect(await run('prints an empty line')).toBeNull()
  })

  it.each([
    ['prints something else', /says that it prints\n {2}yes\nand prints\n {2}no\n/],
    ['prints the right lines in another order', /says that it prints/],
    ['prints more than it says', /and prints\n {2}yes\n {2}more\n/],
    ['prints less than it says', /says that it prints\n {2}yes\n {2}more\n/],
    ['prints, and says nothing of it', /and prints\n {2}yes\n/],
    ['throws', /exited with 1[^]*broken[^]*/],
    ['rejects', /exited with 1[^]*broken/],
    ['exits with another code', /exited with 3/],
    ['warns on standard error', /standard error[^]*careful/],
    ['never stops printing', /printed too much/],
    ['imports what is not there', /exited with 1[^]*nothing/],
  ])('one that %s fails', async (name, why) => {
    expect(await run(name)).toMatch(why)
  })

  it('one that hangs is stopped and fails', async () => {
    expect(await run('hangs', 1500)).toMatch(/timed out/)
  })

  it('the compiler refuses what a strict project refuses', async () => {
    const problems = await project.typecheck()
    const found = [...snippetOf].filter(([, snippet]) => problems.get(snippet)?.length !== 0)
    expect(found.map(([name]) => name).toSorted()).toEqual([
      'has a type error',
      'imports what is not there',
      'leaves a variable unused',
    ])
    const [[, typeError] = []] = found
    expect(typeError && problems.get(typeError)).toEqual([
      expect.stringMatching(/^line 4: error TS2322: Type 'string'/),
    ])
  })

  it('an error names the line of the document', async () => {
    expect(await run('throws')).toMatch(/\.ts:4\b/)
  })

  it('a block that must not run is marked, and any other mark is a mistake', () => {
    expect(snippetsOf('a.md', block('1', 'ts no-run'))).toMatchObject([{ runs: false, line: 4 }])
    expect(snippetsOf('a.md', block('1', 'js'))).toEqual([])
    expect(() => snippetsOf('a.md', block('1', 'ts norun'))).toThrow(/a\.md, line 3: 'ts norun'/)
    expect(() => snippetsOf('a.md', block('1', 'typescript'))).toThrow(/neither/)
  })

  it.each([
    ['@paxos/replica', '', 'ts', ['@paxos/replica']],
    ['@paxos/replica', "import * as it from '@paxos/replica'", 'ts', []],
    ['@paxos/replica', "import * as it from '@paxos/replica'", 'ts no-run', ['@paxos/replica']],
    [
      '@paxos/core',
      "import * as it from '@paxos/core/essential'",
      'ts',
      ['practical', 'functional', 'external', 'wire'].map((entry) => `@paxos/core/${entry}`),
    ],
    [
      '@paxos/durability-file',
      "import { file } from '@paxos/durability-file'\n// DurableObject\nfile('x')",
      'ts',
      ['DurableObject of @paxos/durability-file'],
    ],
  ])('a README of %s that shows only %j in %j lacks %j', (name, code, info, missing) => {
    expect(missingFrom(name, snippetsOf('README.md', block(code, info)))).toEqual(missing)
  })
})
