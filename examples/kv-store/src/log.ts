/**
 * A log of JSON lines on standard error: the time, how grave it is, what happened, and the facts.
 * Must never throw, whatever the facts are.
 */

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export type Level = (typeof LEVELS)[number]

/** Takes events in words, with their facts as fields. */
export type Log = Readonly<Record<Level, (message: string, fields?: object) => void>>

/** Writes what is at least as grave as `least`, and what `id` is in every line. */
export function jsonLog(id: string, least: Level): Log {
  const writer =
    (level: Level) =>
    (message: string, fields: object = {}) => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return
      const line = { time: new Date().toISOString(), level, node: id, message, ...fields }
      process.stderr.write(`${JSON.stringify(line, plain)}\n`)
    }
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
  }
}

/** What JSON has no word for, in words. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof Error)
    return { name: value.name, message: value.message, cause: value.cause }
  return typeof value === 'bigint' ? String(value) : value
}
