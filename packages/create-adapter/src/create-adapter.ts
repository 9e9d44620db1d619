#!/usr/bin/env node
/**
 * The command as a program: begins an adapter in a folder of its own. Exits with 1, and one sentence
 * that says what to do, when it cannot.
 */
import { run } from './command.ts'
import { UsageError } from './names.ts'

try {
  // A script of npm or pnpm runs elsewhere than it was called.
  const from = process.env['INIT_CWD'] ?? process.cwd()
  process.stdout.write(run(process.argv.slice(2), from))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
