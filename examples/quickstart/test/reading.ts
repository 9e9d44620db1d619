/**
 * What the commands of this example print, as its tests read it.
 */
import { expect } from 'vitest'
import type { Ended } from './processes.ts'

/** What the nodes agreed on, as the last line says. */
export function agreement({ stdout }: Ended): string | undefined {
  return /^All \d+ nodes agree on (.+?)\.(?: It was|$)/m.exec(stdout)?.[1]
}

/** The lines of the timeline that say `text`, as [node, rest of the line]. */
export function lines({ stdout }: Ended, text: RegExp): string[] {
  return stdout.split('\n').filter((line) => / ms {2}/.test(line) && text.test(line))
}

/** One sentence that says `sentence`, perhaps with a hint below it, and no stack trace. */
export function expectRefusal(ended: Ended, sentence: RegExp): void {
  expect(ended.code).toBe(1)
  expect(ended.stderr).toMatch(sentence)
  expect(ended.stderr).not.toMatch(/^\s+at |node:internal|Error:/m)
  expect(ended.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
}
