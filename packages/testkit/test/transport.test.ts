import { describe, expect, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { FAULTS, honestHarness } from './honest.ts'
import type { Fault } from './honest.ts'

/** Long enough for an honest scenario; one that waits for a frame that never comes has failed. */
const PATIENCE_MS = 2000

/** Every broken promise, and a scenario that must notice it. */
const CAUGHT: Readonly<Record<Fault, RegExp>> = {
  'delivers inside send': /never delivered inside send/,
  'does not copy the frame': /the caller’s again when send returns/,
  'shares one copy between receivers': /shares them with nobody/,
  'hands on the subclass that was sent': /plain bytes/,
  'cuts long frames': /65508 bytes arrives as it was/,
  'loses empty frames': /frame of 0 bytes arrives/,
  'takes frames above the maximum': /one byte above the maximum/,
  'names the receiver as the sender': /say who sent them/,
  'throws for an unknown peer': /somebody unknown/,
  'throws before open': /before open and after close/,
  'delivers to itself': /to oneself/,
  'delivers from strangers': /not in the receiver’s address book/,
  'ignores the peers of open': /of open\(\) is used from the start/,
  'keeps the map of peers': /changing the map changes nothing/,
  'never forgets a peer': /forgets a peer that leaves/,
  'tells an address before it is open': /only once it is open/,
  'takes an address twice': /the address is taken/,
  'takes a malformed address': /rejects a malformed address/,
  'opens twice': /rejects a second time/,
  'opens though it was closed': /rejects when it is closed meanwhile/,
  'keeps its address after close': /restart on the same address/,
  'delivers after close': /delivers nothing after it resolved/,
  'keeps everything for a slow receiver': /bounded memory/,
  'refuses the empty id': /the empty string is an id/,
}

describe('the honest transport passes', () => {
  transportConformance(() => honestHarness(), { describe, it })
})

describe('every broken promise is caught, by the scenario that is about it', () => {
  it.each(FAULTS)('a transport that %s', async (fault) => {
    const matching = scenarios(fault).filter(({ title }) => CAUGHT[fault].test(title))
    expect(matching).toHaveLength(1)
    for (const { body } of matching) expect(await play(body)).toBe('failed')
  })
})

/** The scenarios of the suite for a transport with `fault`. */
function scenarios(fault: Fault): { title: string; body: () => Promise<void> }[] {
  const found: { title: string; body: () => Promise<void> }[] = []
  transportConformance(() => honestHarness(fault), {
    describe: (_, body) => body(),
    it: (title, body) => found.push({ title, body }),
  })
  return found
}

async function play(body: () => Promise<void>): Promise<'passed' | 'failed'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'failed'>((resolve) => {
    timer = setTimeout(() => resolve('failed'), PATIENCE_MS)
  })
  try {
    return await Promise.race([
      late,
      body().then(
        () => 'passed' as const,
        () => 'failed' as const,
      ),
    ])
  } finally {
    clearTimeout(timer)
  }
}
