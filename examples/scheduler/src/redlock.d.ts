/** Of redlock, whose own types cannot be found by way of its exports: what the drill uses. */
declare module 'redlock' {
  import type { Redis } from 'ioredis'

  export default class Redlock {
    constructor(
      clients: Iterable<Redis>,
      settings: {
        readonly retryCount: number
        readonly retryDelay: number
        readonly automaticExtensionThreshold: number
      },
    )
    using<Result>(
      resources: string[],
      durationMs: number,
      routine: (signal: AbortSignal) => Promise<Result>,
    ): Promise<Result>
    on(event: 'error', listener: (error: Error) => void): this
  }
}
