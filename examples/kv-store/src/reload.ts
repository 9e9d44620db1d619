/**
 * Reads keys, tokens and certificates again while the server runs: on SIGHUP, and when one of the
 * files has changed. What cannot be used leaves what was there before.
 */
import { unwatchFile, watchFile } from 'node:fs'
import type { StatsListener } from 'node:fs'
import { CERTIFICATES_EVERY_MS, SECRETS_EVERY_MS } from './limits.ts'
import type { Log } from './log.ts'
import type { Complaints } from './secrets.ts'

export interface ReloadOptions {
  /** Files that are looked at. */
  readonly paths: readonly string[]
  /** Reads them again, puts them to use, and says what is wrong with them. */
  readonly load: () => Promise<Complaints>
  /** What is wrong with those that are in use, and with those that are not read again. */
  readonly complaints: readonly Complaints[]
  readonly log: Log
}

/** Until what it returns is called. */
export function reloading({ paths, load, complaints, log }: ReloadOptions): () => void {
  let [first = () => [], ...others] = complaints
  const said = new Set<string>()

  function complain(): void {
    const now = [first, ...others].flatMap((list) => list(Date.now()))
    for (const sentence of now) if (!said.has(sentence)) log.error(sentence)
    said.clear()
    for (const sentence of now) said.add(sentence)
  }

  /** One after the other: the last one that was asked for is what is in use. */
  let running: Promise<void> = Promise.resolve()
  const reload = (why: string): void => {
    running = readAgain(running, why)
  }

  async function readAgain(before: Promise<void>, why: string): Promise<void> {
    await before
    try {
      first = await load()
      log.info('keys and certificates were read again', { why })
    } catch (error) {
      log.error('keys and certificates cannot be used; those from before stay', { why, error })
    }
    complain()
  }

  const hangUp = (): void => reload('SIGHUP')
  const changed: StatsListener = (now, before) => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) reload('a file has changed')
  }
  process.on('SIGHUP', hangUp)
  for (const path of paths) {
    watchFile(path, { interval: SECRETS_EVERY_MS, persistent: false }, changed)
  }
  const timer = setInterval(complain, CERTIFICATES_EVERY_MS)
  timer.unref()
  complain()
  return () => {
    process.off('SIGHUP', hangUp)
    for (const path of paths) unwatchFile(path, changed)
    clearInterval(timer)
  }
}
