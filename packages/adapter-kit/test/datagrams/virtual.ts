/** Virtual time, and a hub on which a test says which datagram arrives when. */
import type { Platform } from '../../src/datagrams/datagrams.ts'
import { hubOf } from './hub.ts'
import type { Flight, Hub } from './hub.ts'

/** Time that passes when a test says so. */
export interface VirtualPlatform extends Platform {
  /** What is to be done at the end of this turn is done; nothing else becomes due. */
  endTurn(): void
  /** Goes on to the next timer, and calls it. False when there is none. */
  advance(): boolean
}

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

/** Starts at 0; the dice give what nobody has drawn before. */
export function virtualPlatform(): VirtualPlatform {
  let nowMs = 0
  let drawn = 0
  const timers = new Set<Timer>()
  const turn = new Set<() => void>()

  function endTurn(): void {
    for (const callback of turn) {
      turn.delete(callback)
      callback()
    }
  }

  return {
    clock: {
      now: () => nowMs,
      after(delayMs, callback) {
        const timer = { atMs: nowMs + delayMs, callback }
        timers.add(timer)
        return () => timers.delete(timer)
      },
      atEndOfTurn(callback) {
        turn.add(callback)
        return () => turn.delete(callback)
      },
    },
    randomBytes(count) {
      drawn += 1
      const bytes = new Uint8Array(count)
      new DataView(bytes.buffer).setUint32(0, drawn)
      return bytes
    },
    endTurn,
    advance() {
      let next: Timer | null = null
      for (const timer of timers) if (next === null || timer.atMs < next.atMs) next = timer
      if (next === null) return false
      timers.delete(next)
      nowMs = next.atMs
      next.callback()
      endTurn()
      return true
    },
  }
}

/** A hub whose datagrams wait to be delivered, as often as a test wants. */
export interface HeldHub extends Hub {
  readonly flights: { readonly flight: Flight; readonly deliver: () => void }[]
}

/** `onSent` sees every datagram when it leaves. */
export function heldHub(onSent: (flight: Flight) => void = () => {}): HeldHub {
  const flights: HeldHub['flights'] = []
  const hub = hubOf({
    carry(flight, deliver) {
      onSent(flight)
      flights.push({ flight, deliver })
    },
  })
  return { ...hub, flights }
}
