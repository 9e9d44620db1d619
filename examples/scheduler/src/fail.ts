/**
 * How a command of this example fails: one sentence that names the cause and the way out, on standard
 * error, and a non-zero exit code. A stack trace is for the authors, never for the user.
 */
import { PaxosError } from '@paxos/core'
import { CommanderError } from 'commander'

/** An error whose message is written for the user. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/** Runs a command and sets the exit code: what `run` returns, or 1 if it fails. */
export async function runCommand(run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run()
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? error.exitCode : 1
    // commander has said what was wrong with the arguments already.
    if (!(error instanceof CommanderError)) process.stderr.write(`${describeError(error)}\n`)
  }
}

function describeError(error: unknown): string {
  if (error instanceof PaxosError || error instanceof UserError) return error.message
  const message = error instanceof Error ? error.message : String(error)
  return `Unexpected error: ${message}. Please report it with the command that you typed.`
}
