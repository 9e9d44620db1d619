/**
 * Runs the conformance suites of our adapters, as their makers' users would with paxos-conformance, and
 * writes what was found into their READMEs. Arguments are names of packages; without any, all.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runCommand } from '../packages/testkit/src/conformance/command.ts'

const PACKAGES = fileURLToPath(new URL('../packages', import.meta.url))

const subjectsOf = (name: string): string => join(PACKAGES, name, 'test/conformance-subjects.ts')

const known = readdirSync(PACKAGES).filter((name) => existsSync(subjectsOf(name)))
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  process.stderr.write(
    `No adapter is called ${unknown.join(', ')}. There are ${known.join(', ')}.\n`,
  )
  process.exit(2)
}
let worst = 0
for (const name of wanted.length === 0 ? known : wanted) {
  process.stdout.write(`${name}\n`)
  const args = [subjectsOf(name), '--quiet', '--badge', join(PACKAGES, name, 'README.md')]
  const code = await runCommand(args, {
    load: (path) => import(pathToFileURL(path).href),
    read: (path) => readFileSync(path, 'utf8'),
    write: (path, text) => writeFileSync(path, text),
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  })
  worst = Math.max(worst, code)
}
process.exit(worst)
