import { describe, expect, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { FAULTS, honestHarness } from './honest.ts'
import type { Fault } from './honest.ts'
import { play, scenariosOf } from './play.ts'

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
  'leaves a timer running': /keeps the process alive/,
  'drops at close what was sent before': /is heard by those that it has reached before/,
  'delivers after close': /delivers nothing after it resolved/,
  'keeps everything for a slow receiver': /bounded memory/,
  'refuses the empty id': /the empty string is an id/,
  'has figures of itself': /figures, where there are any, have one for each peer/,
  'counts what never left': /count each frame once, as sent or as dropped/,
  'forgets what it dropped': /count each frame once, as sent or as dropped/,
  'counts no deliveries': /count what was sent and delivered/,
  'keeps a problem after all is well': /until it is there/,
  'tells nobody of a problem': /name the problem with a peer where nobody is, which is told/,
  'never counts strangers': /count strangers/,
}

describe('the honest transport passes', () => {
  transportConformance(() => honestHarness(), { describe, it })
})

describe('every broken promise is caught, by the scenario that is about it', () => {
  it.each(FAULTS)('a transport that %s', async (fault) => {
    const scenarios = scenariosOf((runner) =>
      transportConformance(() => honestHarness(fault), runner),
    )
    const matching = scenarios.filter(({ title }) => CAUGHT[fault].test(title))
    expect(matching).toHaveLength(1)
    for (const scenario of matching) expect(await play(scenario)).toBe('failed')
  })
})
