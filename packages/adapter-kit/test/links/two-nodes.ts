/**
 * Two nodes, a and b, that follow a rule for their connections, as a model small enough to visit
 * every state of it: each order of dials, hellos, frames, goodbyes, losses and timers is a path.
 * Time has no measure here: what a node waits for may be over at any moment. Must know nothing of
 * the rule but its inputs and actions.
 */
import { NEW_PAIR, sendsOn } from '../../src/links/pair.ts'
import type { PairInput, PairRole, PairState, PairStep } from '../../src/links/pair.ts'

/** 0 is a, whose id is the smaller; 1 is b. */
export type Side = 0 | 1

/** What is on its way. A hello comes with the dial: what opens a channel changes nothing here. */
type Message = 'hello' | 'frame' | 'goodbye'

/** One end of a channel. `none`: nothing of the dial has come yet. */
type End =
  | 'none'
  | 'greeting'
  | 'identified'
  /** We said goodbye, and read on. */
  | 'retired'
  /** Both have said goodbye, or we were refused: it will close. */
  | 'leaving'
  | 'closed'

interface Link {
  readonly id: number
  readonly dialler: Side
  readonly ends: readonly [End, End]
  /** To each side. */
  readonly lanes: readonly [readonly Message[], readonly Message[]]
  /** Nothing gets through any more, and each side notices when it does. */
  readonly isBroken: boolean
}

/** Both nodes, and what is between them. */
export interface World {
  readonly pairs: readonly [PairState<number>, PairState<number>]
  readonly links: readonly Link[]
  /** How many frames each may still send, and what may still go wrong. */
  readonly frames: readonly [number, number]
  readonly losses: number
  readonly restarts: number
  readonly refusals: number
}

/** A rule, as pair.ts has one. */
export interface Rule {
  readonly roles: readonly [PairRole, PairRole]
  readonly step: (
    role: PairRole,
    state: PairState<number>,
    input: PairInput<number>,
  ) => PairStep<number>
}

/** What may happen next: its name, and what comes of it. */
export interface Event {
  readonly name: string
  readonly isFault?: true
  readonly next: () => World
}

/** A promise that is broken. */
export class Broken extends Error {
  override name = 'Broken'
}

/** More than may go wrong at once, plus the two that two dials make. */
const MOST_LINKS = 6

/** Both have begun. */
export function begin(
  rule: Rule,
  limits: Pick<World, 'frames' | 'losses' | 'restarts' | 'refusals'>,
): World {
  const empty: World = { ...limits, pairs: [NEW_PAIR, NEW_PAIR], links: [] }
  return tell(rule, tell(rule, empty, 0, { type: 'begun' }), 1, { type: 'begun' })
}

/** Everything that may happen. */
export function eventsOf(rule: Rule, world: World): Event[] {
  return [
    ...([0, 1] as const).flatMap((side) => nodeEvents(rule, world, side)),
    ...world.links.flatMap((link) => [
      ...([0, 1] as const).flatMap((side) => endEvents(rule, world, link, side)),
      ...faults(world, link),
    ]),
  ]
}

/** Throws unless nothing more than a settled pair is left: nothing can happen but faults. */
export function requireSettled({ pairs, links }: World): void {
  const [link] = links
  const isOne =
    links.length === 1 && link?.isBroken === false && link.ends.every((end) => end === 'identified')
  const isKnown = pairs.every((pair) => {
    const [id, ...others] = pair.connections
    return id === link?.id && others.length === 0 && pair.dial === 'none'
  })
  if (!isOne || !isKnown) {
    throw new Broken('nothing can happen any more, and they have not one connection that stands')
  }
}

function nodeEvents(rule: Rule, world: World, side: Side): Event[] {
  const events: Event[] = []
  const pair = world.pairs[side]
  if (pair.dial === 'waiting') {
    events.push({
      name: `${nameOf(side)} has waited`,
      next: () => tell(rule, world, side, { type: 'waited' }),
    })
  }
  const id = sendsOn(pair.connections, (each) => linkOf(world, each)?.ends[side] === 'identified')
  if (world.frames[side] > 0 && id !== undefined) {
    events.push({
      name: `${nameOf(side)} sends a frame`,
      next: () => send(spend(world, side), id, side, 'frame'),
    })
  }
  if (world.restarts > 0) {
    events.push({
      name: `${nameOf(side)} restarts`,
      isFault: true,
      next: () => restart(rule, world, side),
    })
  }
  return events
}

function endEvents(rule: Rule, world: World, link: Link, side: Side): Event[] {
  const who = nameOf(side)
  const end = link.ends[side]
  if (end === 'closed') return []
  const events: Event[] = []
  const [message] = link.lanes[side]
  if (message !== undefined) {
    events.push({
      name: `${who} reads ${message} on ${link.id}`,
      next: () => read(rule, world, link, side, message),
    })
    if (end === 'none' && world.refusals > 0) {
      events.push({
        name: `${who} refuses ${link.id}`,
        isFault: true,
        next: () => refuse(world, link, side),
      })
    }
  }
  if (end === 'leaving' || (link.isBroken && end !== 'none')) {
    events.push({ name: `${who} closes ${link.id}`, next: () => close(rule, world, link, side) })
  }
  return events
}

function faults(world: World, link: Link): Event[] {
  if (world.losses === 0 || link.isBroken) return []
  const lost = { ...world, losses: world.losses - 1 }
  return [{ name: `${link.id} breaks`, isFault: true, next: () => breakLink(lost, link) }]
}

/** A node is told, and does what its rule says. */
function tell(rule: Rule, world: World, side: Side, input: PairInput<number>): World {
  const { state, actions } = rule.step(rule.roles[side], world.pairs[side], input)
  let next: World = { ...world, pairs: replaced(world.pairs, side, state) }
  for (const action of actions) {
    if (action.type === 'dial') next = dial(next, side)
    if (action.type === 'retire') next = retire(next, action.connection, side)
    if (action.type === 'destroy') next = destroy(next, action.connection, side)
  }
  if (
    next.pairs[side].connections.filter((id) => linkOf(next, id)?.isBroken === false).length > 2
  ) {
    throw new Broken('a node has more than two connections that stand')
  }
  return next
}

function dial(world: World, side: Side): World {
  const id = 1 + Math.max(0, ...world.links.map((link) => link.id))
  if (world.links.length >= MOST_LINKS) throw new Broken('there are more and more connections')
  const link: Link = {
    id,
    dialler: side,
    ends: side === 0 ? ['greeting', 'none'] : ['none', 'greeting'],
    lanes: [[], []],
    isBroken: false,
  }
  return send({ ...world, links: [...world.links, link] }, id, side, 'hello')
}

function read(rule: Rule, world: World, link: Link, side: Side, message: Message): World {
  const taken = withLink(world, {
    ...link,
    lanes: replaced(link.lanes, side, link.lanes[side].slice(1)),
  })
  const end = link.ends[side]
  switch (message) {
    case 'hello': {
      const known = withEnd(taken, link.id, side, 'identified')
      const isDialled = link.dialler === side
      const answered = isDialled ? known : send(known, link.id, side, 'hello')
      return tell(rule, answered, side, { type: 'identified', connection: link.id, isDialled })
    }
    case 'frame':
      if (end === 'identified' || end === 'retired') return taken
      throw new Broken('a frame is read by nobody')
    case 'goodbye': {
      const answered = end === 'identified' ? send(taken, link.id, side, 'goodbye') : taken
      return withEnd(answered, link.id, side, 'leaving')
    }
  }
}

function refuse(world: World, link: Link, side: Side): World {
  const fewer = { ...world, refusals: world.refusals - 1 }
  const taken = withLink(fewer, { ...link, lanes: replaced(link.lanes, side, []) })
  return withEnd(send(taken, link.id, side, 'goodbye'), link.id, side, 'closed')
}

function retire(world: World, id: number, side: Side): World {
  if (linkOf(world, id)?.ends[side] !== 'identified') return world
  return withEnd(send(world, id, side, 'goodbye'), id, side, 'retired')
}

/** Ends a channel at once: what is on its way is lost, though nothing has struck it. */
function destroy(world: World, id: number, side: Side): World {
  const link = linkOf(world, id)
  if (link === undefined) return world
  if (!link.isBroken && link.lanes.flat().includes('frame')) throw new Broken('a frame is lost')
  return withEnd(breakLink(world, link), id, side, 'leaving')
}

function close(rule: Rule, world: World, link: Link, side: Side): World {
  if (!link.isBroken && link.lanes[side].includes('frame')) throw new Broken('a frame is lost')
  const closed = withEnd(world, link.id, side, 'closed')
  const isKnown = world.pairs[side].connections.includes(link.id)
  const input = isKnown
    ? ({ type: 'closed', connection: link.id } as const)
    : ({ type: 'dial-failed' } as const)
  return tell(rule, closed, side, input)
}

function restart(rule: Rule, world: World, side: Side): World {
  let next: World = { ...world, restarts: world.restarts - 1 }
  for (const link of world.links) {
    next = withEnd(breakLink(next, link), link.id, side, 'closed')
  }
  next = { ...next, pairs: replaced(next.pairs, side, NEW_PAIR) }
  return tell(rule, next, side, { type: 'begun' })
}

function breakLink(world: World, link: Link): World {
  const current = linkOf(world, link.id) ?? link
  return withLink(world, { ...current, isBroken: true, lanes: [[], []] })
}

/** To the other side of `side`. */
function send(world: World, id: number, side: Side, message: Message): World {
  const link = linkOf(world, id)
  if (link === undefined || link.isBroken) return world
  const to = other(side)
  if (link.ends[to] === 'closed') {
    if (message === 'frame') throw new Broken('a frame is sent to nobody')
    return world
  }
  return withLink(world, {
    ...link,
    lanes: replaced(link.lanes, to, [...link.lanes[to], message]),
  })
}

function spend(world: World, side: Side): World {
  return { ...world, frames: replaced(world.frames, side, world.frames[side] - 1) }
}

function withEnd(world: World, id: number, side: Side, end: End): World {
  const link = linkOf(world, id)
  return link === undefined
    ? world
    : withLink(world, { ...link, ends: replaced(link.ends, side, end) })
}

/** A link that both have closed, or that one has before the other knew of it, is gone. */
function withLink(world: World, changed: Link): World {
  const isGone = changed.ends.every(
    (end) => end === 'closed' || (end === 'none' && changed.isBroken),
  )
  const links = world.links.filter(({ id }) => id !== changed.id || !isGone)
  return { ...world, links: links.map((link) => (link.id === changed.id ? changed : link)) }
}

function linkOf(world: World, id: number): Link | undefined {
  return world.links.find((link) => link.id === id)
}

function replaced<T>(pair: readonly [T, T], side: Side, value: T): readonly [T, T] {
  return side === 0 ? [value, pair[1]] : [pair[0], value]
}

function other(side: Side): Side {
  return side === 0 ? 1 : 0
}

function nameOf(side: Side): string {
  return side === 0 ? 'a' : 'b'
}

/** The same for worlds that differ only in the numbers of their links. */
export function keyOf(world: World): string {
  const numbers = new Map(world.links.map(({ id }, index) => [id, index]))
  const { pairs, links, ...rest } = world
  return JSON.stringify([
    pairs.map((pair) => [pair.connections.map((id) => numbers.get(id)), pair.dial]),
    links.map(({ dialler, ends, lanes, isBroken }) => [dialler, ends, lanes, isBroken]),
    rest,
  ])
}
