/**
 * Composes core's engines with a transport, a durability adapter and a clock.
 */
export { platformClock } from './clock.ts'
export type { Clock } from './clock.ts'
export { json } from './codec.ts'
export type { Codec, Json } from './codec.ts'
export { ClosedError, StoppedError, TimeoutError, ValueTooLargeError } from './errors.ts'
export type { DropReason, Observation } from './host.ts'
export { openDurability, openTransport, registerDurability, registerTransport } from './open.ts'
export type { DurabilityModule, TransportModule } from './open.ts'
export type { WaitOptions } from './outcome.ts'
export { Synod } from './synod.ts'
export type { SynodOptions, SynodStatus } from './synod.ts'
