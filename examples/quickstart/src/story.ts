/**
 * The story that the quickstart tells: several nodes start, one dies between its acceptance and the
 * decision, the others decide without it, and it learns the same value when it comes back. Nothing
 * here takes part in Paxos; it starts nodes, kills one, and listens.
 */
import type { Ballot } from '@paxos/core'
import { UserError } from './fail.ts'
import type { Report } from './report.ts'
import { nowMs } from './report.ts'
import type { NodeArguments, RunningNode, StartNode } from './run-node.ts'
import { formatReport } from './timeline.ts'
import type { Timeline } from './timeline.ts'

/** How long the whole may take, in milliseconds. It takes one or two seconds when all goes well. */
const PATIENCE_MS = 60_000

export interface Ending {
  /** What each node says was chosen. */
  readonly views: ReadonlyMap<string, string>
  /** The node that was killed; `null` when the value was on disk from an earlier run. */
  readonly killed: string | null
}

/** How the story is played. */
export interface Play {
  readonly casting: readonly Omit<NodeArguments, 'hold'>[]
  readonly startNode: StartNode
  /**
   * Whether the node that was killed comes back. One that kept its promises in memory must not:
   * having forgotten them, it could break them.
   */
  readonly comesBack: boolean
  readonly timeline: Timeline
  readonly signal: AbortSignal
}

/** Tells the story. Every node that it started is gone when it resolves or rejects. */
export async function tellStory(play: Play): Promise<Ending> {
  const { casting, comesBack } = play
  const stage = new Stage(play)
  try {
    for (const args of casting) stage.start({ ...args, hold: true })
    await stage.until(() => stage.leaderHolding() !== null || stage.isChosenOnDisk)
    const leader = stage.leaderHolding()
    if (leader !== null) await stage.kill(leader)
    stage.goOn()
    await stage.until(() => stage.undecided.length === 0)

    const fallen = casting.find(({ id }) => id === leader)
    if (fallen !== undefined && comesBack) {
      stage.start({ ...fallen, propose: undefined, hold: false })
      await stage.until(() => stage.undecided.length === 0)
    }
    return { views: stage.views, killed: leader }
  } finally {
    await stage.clear()
  }
}

/** The nodes that are running, and what they have reported. */
class Stage {
  readonly views = new Map<string, string>()
  readonly #play: Play
  readonly #nodes = new Map<string, RunningNode>()
  readonly #holding = new Map<string, Ballot>()
  #isChosenOnDisk = false
  #failure: Error | null = null
  /** Called whenever something has happened. */
  #wake: () => void = () => undefined

  constructor(play: Play) {
    this.#play = play
    play.signal.addEventListener('abort', () => this.#wake())
  }

  get isChosenOnDisk(): boolean {
    return this.#isChosenOnDisk
  }

  /** The nodes that are running and have not said what was chosen. */
  get undecided(): string[] {
    return [...this.#nodes.keys()].filter((id) => !this.views.has(id))
  }

  /** A node that has accepted its own ballot: the one that leads. */
  leaderHolding(): string | null {
    for (const [id, ballot] of this.#holding) if (ballot.node === id) return id
    return null
  }

  start(args: NodeArguments): void {
    const { id } = args
    const onFailure = (error: UserError): void => {
      this.#failure ??= new UserError(`Node ${id}: ${error.message}`)
      this.#wake()
    }
    this.#nodes.set(
      id,
      this.#play.startNode(args, (report) => this.#hear(id, report), onFailure),
    )
  }

  /** Everybody who holds an acceptance back may report it. */
  goOn(): void {
    for (const node of this.#nodes.values()) node.order({ type: 'go on' })
  }

  async kill(id: string): Promise<void> {
    const node = this.#nodes.get(id)
    this.#nodes.delete(id)
    await node?.kill()
    this.#play.timeline.add(id, nowMs(), `killed    ${node?.manner ?? ''}`)
  }

  /** Resolves when `condition` holds; rejects when a node fails, in vain, or on Ctrl-C. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(PATIENCE_MS)
    deadline.addEventListener('abort', () => this.#wake())
    while (!condition()) {
      this.#play.signal.throwIfAborted()
      if (this.#failure !== null) throw this.#failure
      if (deadline.aborted) throw inVain(this.undecided)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.leave()))
  }

  #hear(id: string, report: Report): void {
    const text = formatReport(report)
    if (text !== null) this.#play.timeline.add(id, report.atMs, text)
    if (report.type === 'holding') this.#holding.set(id, report.ballot)
    if (report.type === 'chosen') this.views.set(id, report.value)
    if (report.type === 'opened' && report.isChosen) this.#isChosenOnDisk = true
    this.#wake()
  }
}

function inVain(undecided: readonly string[]): UserError {
  return new UserError(
    `After ${PATIENCE_MS / 1000} seconds ${undecided.join(', ')} did not know what was chosen. ` +
      'Try again with a lower --loss.',
  )
}
