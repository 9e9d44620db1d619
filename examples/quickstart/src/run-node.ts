/**
 * One node: Synod over the adapters that its URLs name, and what is told and heard of it. Whether it
 * has a process of its own is decided elsewhere. It must never tell of a save before it is durable.
 */
import { FIRST_SLOT } from '@paxos/core'
import { json, Synod } from '@paxos/replica'
import { openDurability, openTransport } from '@paxos/replica/url'
import type { UserError } from './fail.ts'
import { lossy } from './lossy.ts'
import { nowMs } from './report.ts'
import type { Order, Report } from './report.ts'
import { reporter } from './reporter.ts'
import { staged } from './staged.ts'

/** What a node is started with. */
export interface NodeArguments {
  readonly id: string
  /** Where each node listens; the scheme of its own address says which transport it takes. */
  readonly members: Readonly<Record<string, string>>
  /** Where this node keeps its promises: a URL. */
  readonly durability: string
  readonly propose: string | undefined
  /** The share of what it sends that is lost. */
  readonly loss: number
  /** Whether it waits for 'go on' when it has accepted something, before it tells anybody. */
  readonly hold: boolean
}

/** A node as those see it who started it. */
export interface RunningNode {
  /** How it dies, for the timeline: 'with SIGKILL'. */
  readonly manner: string
  order(order: Order): void
  /** Ends it in the middle of whatever it does. Resolves when it is gone. */
  kill(): Promise<void>
  /** Asks it to leave. Resolves when it is gone. */
  leave(): Promise<void>
}

/** `onFailure` is called when the node ends without having been asked to. */
export type StartNode = (
  args: NodeArguments,
  onReport: (report: Report) => void,
  onFailure: (error: UserError) => void,
) => RunningNode

/** What a node is told while it runs. */
export interface Orders {
  /** Resolves when a node that holds may go on. */
  readonly goOn: Promise<void>
  /** Aborts when the node is to leave. */
  readonly signal: AbortSignal
}

/** Runs one node until it is to leave. `transportOptions` are for its transport. */
export async function runNode(
  { id, members, durability, propose, loss, hold }: NodeArguments,
  transportOptions: object,
  report: (report: Report) => void,
  { goOn, signal }: Orders,
): Promise<void> {
  const disk = staged(await openDurability(durability), {
    opened({ promised, accepted, chosenThrough }) {
      const entry = accepted.find(({ slot }) => slot === FIRST_SLOT) ?? null
      const isChosen = chosenThrough >= FIRST_SLOT
      report({ type: 'opened', atMs: nowMs(), promised, accepted: entry, isChosen })
    },
    async accepted(ballot) {
      if (!hold) return
      report({ type: 'holding', atMs: nowMs(), ballot })
      await goOn
    },
  })
  const transport = await openTransport(members[id] ?? 'udp:', transportOptions)
  const synod = await Synod.open({
    cluster: 'quickstart',
    id,
    members,
    transport: lossy(transport, loss),
    durability: disk,
    codec: json<string>(),
    // Short, because everything is on one machine.
    heartbeatPeriodMs: 50,
    livenessWindowMs: 300,
    retransmitIntervalMs: 100,
    observe: reporter(report),
  })
  try {
    const value = await (propose === undefined
      ? synod.learn({ signal })
      : synod.propose(propose, { signal }))
    report({ type: 'chosen', atMs: nowMs(), value })
    await aborted(signal)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await synod.close()
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
