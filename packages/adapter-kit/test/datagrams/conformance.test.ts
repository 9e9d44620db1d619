import { randomBytes } from 'node:crypto'
import { describe, it } from 'vitest'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import type { DatagramOptions } from '@paxos/adapter-kit/datagrams'
import { transportConformance } from '@paxos/testkit'
import type { TransportHarness } from '@paxos/testkit'
import { decodeDatagram } from '../../src/datagrams/datagram.ts'
import { datagramsOn } from '../../src/datagrams/datagrams.ts'
import { platformClock } from '../../src/datagrams/clock.ts'
import { hubOf } from './hub.ts'
import type { Flight, Hub } from './hub.ts'

const addresses = {
  listen: () => 'hub://*',
  deserted: 'hub://nobody',
  malformed: ['', 'nobody', 'hub://', 'hub://a/b', 'udp://127.0.0.1:7000'],
}

function harness(hub: Hub, options: DatagramOptions): TransportHarness {
  return { transport: () => datagrams(hub.medium, options), ...addresses }
}

describe.each([
  ['without keys', {}],
  ['with authentication', { authentication: { sign: randomBytes(32) } }],
])('datagrams in memory, %s', (_, options) => {
  transportConformance(() => harness(hubOf(), options), { describe, it })
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
  const { medium } = hubOf({ carry: badly(), largest: 512 })
  return { transport: () => datagramsOn(hurried, medium, { maxDatagramBytes: 512 }), ...addresses }
}

describe('datagrams of at most 512 bytes, while words about cookies are lost', () => {
  transportConformance(lossy, { describe, it })
})
