import { randomBytes } from 'node:crypto'
import { describe, it } from 'vitest'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import { transportConformance } from '@paxos/testkit'
import type { TransportHarness } from '@paxos/testkit'
import { platformClock } from '../../src/datagrams/clock.ts'
import { decodeDatagram } from '../../src/datagrams/datagram.ts'
import { datagramsOn } from '../../src/datagrams/datagrams.ts'
import { hubAddresses, hubOf } from './hub.ts'
import type { Flight } from './hub.ts'

describe('datagrams in memory, with authentication', () => {
  const authentication = { sign: randomBytes(32) }
  transportConformance(
    () => {
      const { medium } = hubOf()
      const another = { sign: randomBytes(32) }
      return {
        transport: () => datagrams(medium, { authentication }),
        ...hubAddresses,
        impostors: {
          'another key': () => datagrams(medium, { authentication: another }),
          'no key': () => datagrams(medium),
        },
      }
    },
    { describe, it },
  )
})

/** The first word about cookies of each kind from one address to another is lost. */
function badly(): (flight: Flight, deliver: () => void) => void {
  const passed = new Set<string>()
  return ({ from, to, datagram }, deliver) => {
    const decoded = decodeDatagram(datagram)
    const word = decoded?.type === 'cookie' ? `${decoded.kind} ${from} ${to}` : null
    if (word === null || passed.has(word)) setImmediate(deliver)
    else passed.add(word)
  }
}

/** Waits are short: what is lost is asked for again after 2 ms. Nothing grows old sooner. */
const hurried = {
  clock: {
    ...platformClock,
    after: (delayMs: number, callback: () => void) => platformClock.after(delayMs / 50, callback),
  },
  randomBytes,
}

function lossy(): TransportHarness {
  const { medium } = hubOf({ carry: badly(), largest: 900 })
  return {
    transport: () => datagramsOn(hurried, medium, { maxDatagramBytes: 900 }),
    ...hubAddresses,
  }
}

describe('datagrams of at most 900 bytes, while words about cookies are lost', () => {
  transportConformance(lossy, { describe, it })
})
