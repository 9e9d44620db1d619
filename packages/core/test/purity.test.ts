import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { impurities, tokensOf } from './purity.ts'

const SOURCES = new URL('../src/', import.meta.url)

/** The contracts of the adapters, which alone speak of promises: they are types, nothing runs. */
const CONTRACTS = new Set(['transport.ts', 'durability.ts'])

const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll('\\', '/'))
  .toSorted()

describe('core is a pure function of its inputs', () => {
  it('is looked at whole', () => {
    expect(files).toEqual(
      expect.arrayContaining(['essential.ts', 'practical/node.ts', 'wire/index.ts']),
    )
  })

  it.each(files)('%s reads no clock, draws no number, calls nothing outside', (name) => {
    const source = readFileSync(new URL(name, SOURCES), 'utf8')
    expect(impurities(source, { promises: CONTRACTS.has(name) })).toEqual([])
  })

  it('has no dependencies', () => {
    const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
    const fields: unknown = JSON.parse(manifest)
    for (const field of [
      'dependencies',
      'peerDependencies',
      'optionalDependencies',
      'bundledDependencies',
      'bundleDependencies',
    ]) {
      expect(fields).not.toHaveProperty(field)
    }
  })
})

describe('the scanner catches', () => {
  it.each([
    ["import fs from 'node:fs'", 'import of node:fs'],
    ["import { x } from 'lodash'", 'import of lodash'],
    ['import type { x } from "@paxos/replica"', 'import of @paxos/replica'],
    ["import 'side-effect'", 'import of side-effect'],
    ["export * from 'elsewhere'", 'import of elsewhere'],
    ["export {\n  x,\n} from /* why */ 'elsewhere'", 'import of elsewhere'],
    ["const fs = await import('node:fs')", 'await, import('],
    ['const here = import.meta.url', 'import.'],
    ["const fs = require('fs')", 'require'],
    ['const seed = process.pid', 'process'],
    ["const env = globalThis['process']", 'globalThis'],
    ['const now = Date.now()', 'Date'],
    ['const now = new Date()', 'Date'],
    ['const now = performance.now()', 'performance'],
    ['setTimeout(run, 1)', 'setTimeout'],
    ['setInterval(run, 1)', 'setInterval'],
    ['setImmediate(run)', 'setImmediate'],
    ['queueMicrotask(run)', 'queueMicrotask'],
    ['const x = Math.random()', 'Math.random'],
    ['const x = Math\n  .random()', 'Math.random'],
    ['const { random } = Math', 'Math as a value'],
    ["const x = Math['random']()", 'Math as a value'],
    ['const id = crypto.randomUUID()', 'crypto'],
    ["console.log('x')", 'console'],
    ["void fetch('x')", 'fetch'],
    ['async function f() {}', 'async'],
    ['const f = (): Promise<void> => g()', 'Promise'],
    ['void Promise.resolve().then(run)', 'Promise'],
    ['const text = `at ${Date.now()}`', 'Date'],
    ['const text = `${{ a: `${fetch}` }.a} and ${process.pid}`', 'fetch, process'],
    ["eval('1')", 'eval'],
    ["new Function('return 1')()", 'Function'],
    ["''.constructor.constructor('return 1')()", '.constructor, constructor.constructor'],
    ['a.localeCompare(b)', 'a.localeCompare'],
    ['const half = a / 2; const now = Date.now() / 2', 'Date'],
    ["const quote = /'/; const now = Date.now() // '", 'Date'],
    ['const slash = /[/]`/; const now = Date.now() // `', 'Date'],
  ])('%s', (source, found) => {
    expect(impurities(source, { promises: false }).join(', ')).toBe(found)
  })
})

describe('the scanner lets pass', () => {
  it.each([
    ['a relative import', "import type { Ballot } from './ballot.ts'\nexport * from '../x.ts'"],
    ['words in comments', '// Date.now() and process\n/* setTimeout(`\n`) */ const x = 1'],
    ['words in strings', 'const text = \'await fetch\' + "process" + `Date ${1} crypto`'],
    ['an escaped quote', "const text = 'it\\'s process'"],
    ['members of the same name', 'message.process + this.fetch + options?.crypto'],
    ['longer names', 'class PromiseMessage { dateOf = 1; processed = 2 }'],
    ['a constructor', 'class X { constructor() {} }'],
    ['other members of Math', 'Math.max(1, 2)'],
  ])('%s', (_, source) => {
    expect(impurities(source, { promises: false })).toEqual([])
  })

  it('promises in a contract, and there only', () => {
    const contract = 'interface X { open(): Promise<void> }'
    expect(impurities(contract, { promises: true })).toEqual([])
    expect(impurities(contract, { promises: false })).toEqual(['Promise'])
  })
})

it('the scanner reads to the end: every brace of core is closed again', () => {
  for (const name of files) {
    const tokens = tokensOf(readFileSync(new URL(name, SOURCES), 'utf8'))
    const count = (text: string): number => tokens.filter((token) => token.text === text).length
    expect([name, count('}')]).toEqual([name, count('{')])
    expect([name, count(')')]).toEqual([name, count('(')])
  }
})
