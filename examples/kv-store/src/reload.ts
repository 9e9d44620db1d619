/**
 * Reads keys, tokens and certificates again while the server runs: on SIGHUP, and when one of the
 * files has changed. What cannot be used leaves what was there before.
 */
import type { FileVersions } from './file-versions.ts'
import { CERTIFICATES_EVERY_MS, SECRETS_EVERY_MS } from './limits.ts'
import type { Log } from './log.ts'
import type { Complaints } from './secrets.ts'

/** What is read together, and put to use together or not at all. */
export interface Reloadable {
  /** Whom it is shown to: 'clients'. */
  readonly of: string
  /** Its files, as they were before they were read. */
  readonly files: FileVersions
  /** Reads them again, puts them to use, and says what is wrong with them. */
  readonly load: () => Promise<Complaints>
  /** What is wrong with those that are in use. */
  readonly complaints: Complaints
}

export interface ReloadOptions {
  /** Those without files are left as they are. */
  readonly all: readonly Reloadable[]
  readonly log: Log
  /** How often the files are looked at, in milliseconds. Default: SECRETS_EVERY_MS. */
  readonly everyMs?: number
}

/** Until what it returns is called. */
export function reloading({
  log,
  everyMs = SECRETS_EVERY_MS,
  ...given
}: ReloadOptions): () => void {
  const all = given.all.filter(({ files }) => !files.areNone)
  const complaints = new Map(all.map((one) => [one, one.complaints]))
  const said = new Set<string>()
  let isOver = false

  function complain(): void {
    const now = [...complaints.values()].flatMap((list) => list(Date.now()))
    for (const sentence of now) if (!said.has(sentence)) log.error(sentence)
    said.clear()
    for (const sentence of now) said.add(sentence)
  }

  async function readAgain(one: Reloadable, why: string): Promise<void> {
    const { of, load } = one
    try {
      complaints.set(one, await load())
      log.info('keys and certificates were read again', { of, why })
    } catch (error) {
      log.error('keys and certificates cannot be used; those from before stay', { of, why, error })
    }
    complain()
  }

  /** One after the other: the last one that was asked for is what is in use. */
  let running: Promise<void> = Promise.resolve()
  function afterThat(step: (one: Reloadable) => Promise<void>): void {
    for (const one of all) running = running.then(async () => (isOver ? undefined : step(one)))
  }

  const hangUp = (): void => {
    afterThat(async (one) => {
      await one.files.haveChanged()
      await readAgain(one, 'SIGHUP')
    })
  }
  let isLooking = false
  const look = (): void => {
    // A disk that hangs is asked once.
    if (isLooking) return
    isLooking = true
    afterThat(async (one) => {
      if (await one.files.haveChanged()) await readAgain(one, 'a file has changed')
    })
    void running.then(() => (isLooking = false))
  }
  process.on('SIGHUP', hangUp)
  const timers = [setInterval(look, everyMs), setInterval(complain, CERTIFICATES_EVERY_MS)]
  for (const timer of timers) timer.unref()
  complain()
  return () => {
    isOver = true
    process.off('SIGHUP', hangUp)
    for (const timer of timers) clearInterval(timer)
  }
}
