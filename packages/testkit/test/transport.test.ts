import { describe, expect, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { SPOILED_FAULTS, spoiledHarness } from './faulty-transports.ts'
import type { SpoiledFault } from './faulty-transports.ts'
import { isInThisRun } from '../src/fuzz.ts'
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
  'delivers until what was sent has left': /may be called inside receive, which is then/,
  'keeps everything for a slow receiver': /costs the sender bounded memory/,
  'refuses the empty id': /the empty string is an id/,
  'has figures of itself': /figures, where there are any, have one for each peer/,
  'counts what never left': /count each frame once, as sent or as dropped/,
  'forgets what it dropped': /count each frame once, as sent or as dropped/,
  'counts no deliveries': /count what was sent and delivered/,
  'keeps a problem after all is well': /until it is there/,
  'tells nobody of a problem': /name the problem with a peer where nobody is, which is told/,
  'never counts strangers': /count strangers/,
  'takes any cluster': /nobody of another cluster/,
  'takes whoever names no cluster': /who names no cluster is of one without a name/,
  'sends to another cluster': /nobody of another cluster/,
  'tells nobody of another cluster': /nobody of another cluster/,
  'tells nobody of whom it only hears': /though it only hears/,
  'takes any incarnation': /the one that the node with the smaller id expects/,
  'sends to any incarnation': /the one that the node with the larger id expects/,
  'hears any incarnation': /the one that the node with the smaller id expects/,
  'expects nothing where the empty incarnation is expected': /like the expected one/,
  'expects the empty incarnation where none is expected': /restarts as another incarnation/,
  'judges an incarnation once': /whoever the node with the smaller id expects from now on/,
  'expects the incarnation that was there first': /restarts as another incarnation/,
  'never names an incarnation': /is told by figures/,
  'names an incarnation that nobody has told': /is told by figures/,
  'takes names that are too long': /under a name that is too long/,
  'keeps its address after a name that is too long': /under a name that is too long/,
  'asks nobody for credentials': /impostors.* are not heard/,
  'believes the credentials of any node': /impostors.* are not heard/,
  'believes who has no credentials': /impostors.* are not heard/,
  'asks for credentials only whom it sends to': /impostors.* are not heard/,
  'asks for credentials only whom it hears': /at the address of a peer are sent nothing/,
  'tells nobody of an impostor': /impostors.* are told of/,
  'counts what an impostor sends': /impostors.* are told of/,
  'names the incarnation of an impostor': /do not take the place of the peer/,
  'sends to whoever has claimed to be the peer': /do not take the place of the peer/,
  'leaves a peer that somebody has claimed to be': /do not take the place of the peer/,
  'keeps out whom an impostor has claimed to be': /that come first keep nobody out/,
}

/** The same of what stands between the honest one and its users. */
const CAUGHT_BETWEEN: Readonly<Record<SpoiledFault, RegExp>> = {
  'has one buffer for all deliveries': /stay as they were when others arrive/,
  'has one buffer for small deliveries': /stay as they were when others arrive/,
  'reads on from what it has delivered': /are the receiver’s to overwrite/,
  'mixes the pieces of two frames of one sender': /are never mixed/,
  'mixes the pieces of two senders': /are never mixed/,
  'loses frames that end with a piece': /arrive whole at every length/,
  'takes what begins like its own messages for one of them': /arrive as they were, whichever byte/,
  'cuts what has the longest short length': /arrive whole at every length/,
  'fills packets up': /arrive whole at every length/,
  'never delivers the same twice': /what was sent before can be sent again/,
  'loses what is sent inside receive': /may be sent inside receive/,
  'forgets a book that is set inside receive': /change its book, inside receive/,
  'trims ids': /to the letter/,
  'lower-cases ids': /to the letter/,
  'normalises ids': /to the letter/,
  'cuts ids at NUL': /to the letter/,
  'cuts a mark off ids': /to the letter/,
  'looks ids up in an object': /to the letter/,
  'alters an id that it cannot carry': /an id that cannot be carried/,
  'cuts an id that is too long': /an id that cannot be carried/,
  'trims clusters': /whose cluster is merely like/,
  'lower-cases clusters': /whose cluster is merely like/,
  'normalises clusters': /whose cluster is merely like/,
  'cuts clusters at NUL': /whose cluster is merely like/,
  'cuts a cluster that is too long': /under a name that is too long/,
  'trims incarnations': /whose incarnation is merely like/,
  'lower-cases incarnations': /whose incarnation is merely like/,
  'normalises incarnations': /whose incarnation is merely like/,
  'cuts incarnations at NUL': /whose incarnation is merely like/,
  'alters an incarnation that is no text': /under a name that is too long/,
  'expects nobody where it expects somebody': /the incarnation that is expected, by open/,
  'expects nothing where it cannot carry what is expected': /that none can have/,
  'throws for an incarnation that nobody can have': /that none can have/,
  'expects nothing until setPeers': /the one that the node with the smaller id expects/,
  'knows senders by their address': /though another node had its address before/,
  'blocks in send before open': /returns at once/,
  'blocks in send while opening': /returns at once/,
  'blocks in send after close': /returns at once/,
  'throws in send while opening': /returns at once/,
  'takes frames above the maximum before open': /returns at once/,
  'takes frames above the maximum after close': /returns at once/,
  'takes frames above the maximum for nobody': /returns at once/,
  'returns a promise that may reject': /returns at once/,
  'keeps everything for a peer that is down': /bounded memory for a peer that is down/,
  'keeps everything for an address that is nonsense': /bounded memory for a peer that is down/,
  'keeps everything for somebody unknown': /bounded memory for a peer that is down/,
  'keeps everything of peers that left': /bounded memory for peers that left/,
  'keeps everything while it opens': /bounded memory before open/,
  'keeps everything for the time after close': /bounded memory before open/,
  'lets all wait for a peer that is down': /for a peer that is down, and no other suffers/,
  'hears only whom setPeers named': /of open\(\) is whom it hears/,
  'delivers to whom opened it last': /of open\(\) is whom it hears/,
  'closes at once when it is closed again': /is over each time that it resolves/,
  'has no figures before it is open': /can be asked for at any time/,
  'says that a connection stands to everybody': /whether a connection stands/,
  'says that a connection stands to nobody': /whether a connection stands/,
  'begins to count again with each book': /can be asked for at any time/,
}

const isTaken = (_: unknown, at: number): boolean => isInThisRun(at, 3)

describe('the honest transport passes', () => {
  transportConformance(() => honestHarness(), { describe, it })
})

describe('every broken promise is caught, by the scenario that is about it', () => {
  it.each(FAULTS.filter(isTaken))('a transport that %s', async (fault) => {
    const scenarios = scenariosOf((runner) =>
      transportConformance(() => honestHarness(fault), runner),
    )
    const matching = scenarios.filter(({ title }) => CAUGHT[fault].test(title))
    expect(matching).toHaveLength(1)
    for (const scenario of matching) expect(await play(scenario)).toBe('failed')
  })
})

describe('so is every one that something between breaks', () => {
  it.each(SPOILED_FAULTS.filter(isTaken))('a transport that %s', async (fault) => {
    const scenarios = scenariosOf((runner) =>
      transportConformance(() => spoiledHarness(fault), runner),
    )
    const matching = scenarios.filter(({ title }) => CAUGHT_BETWEEN[fault].test(title))
    expect(matching).toHaveLength(1)
    for (const scenario of matching) expect(await play(scenario)).toBe('failed')
  })
})
