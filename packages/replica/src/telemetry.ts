/**
 * What a node tells of itself to those who watch it. Both are optional, and shaped so that a few
 * lines connect them to whatever is in use. Must never tell values or secrets.
 */

/** Attributes of a measurement: few values each, never ids of clients or keys. */
export type Attributes = Readonly<Record<string, string>>

/**
 * Takes measurements, under names and units in the style of OpenTelemetry: durations are in
 * seconds, sizes in bytes. Called often: must be quick, and must not throw.
 */
export interface Metrics {
  /** Adds to a sum that only grows. */
  counter(name: string, add: number, attributes?: Attributes): void
  /** Records one value of a distribution. */
  histogram(name: string, value: number, attributes?: Attributes): void
}

/** Takes events in words, with their facts as fields. Must not throw. */
export interface Logger {
  debug(message: string, fields?: object): void
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

const ignore = (): void => undefined

/** Measures nothing. */
export const noMetrics: Metrics = { counter: ignore, histogram: ignore }

/** Says nothing. */
export const noLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
