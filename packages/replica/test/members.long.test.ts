/** Members that change again and again, while nodes crash, lose their disks and are cut off: by seeds. */
import { expect, it } from 'vitest'
import { PaxosError } from '@paxos/core'
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import { replicaCluster, within } from './replica-cluster.ts'
import type { SumsReplica } from './replica-cluster.ts'

const SEEDS = 12

const STEPS = 25

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

const OPTIONS = { timeoutMs: 20_000 }

const at = (id: string): string => `memory://node-${id}`

const isOver = (node: SumsReplica): boolean => ['closed', 'stopped'].includes(node.status().role)

/** A cluster, what is done with it, and what came of that. */
class Trial {
  readonly cluster = replicaCluster('a', 'b', 'c')
  readonly said: string[] = []
  nodes = new Map<string, SumsReplica>()
  acknowledged = 0
  unknown = 0
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)]
  }

  get voters(): [string, SumsReplica][] {
    const running = [...this.nodes].filter(([, node]) => !isOver(node))
    return running.filter(([, node]) => node.status().standing === 'voter')
  }

  /** As whoever knows the newest ones says. */
  get members() {
    const running = [...this.nodes.values()].filter((node) => !isOver(node))
    const known = running.map((node) => node.members())
    return known.toSorted((a, b) => b.version - a.version)[0]?.members ?? []
  }

  /** Opens a node on the disk that it has, or on an empty one. */
  async open(id: string, isNew = false): Promise<void> {
    const known = this.pick(this.voters)?.[0] ?? 'a'
    const had = isNew ? undefined : this.cluster.disks.get(id)
    const disk = had ?? memoryDisk()
    this.cluster.disks.set(id, disk)
    const members = { [id]: at(id), [known]: at(known) }
    const node = await this.cluster.open(id, { members, durability: memoryDurability({ disk }) })
    this.nodes.set(id, node)
  }

  async crash(id: string): Promise<void> {
    const node = this.nodes.get(id)
    if (node === undefined) return
    if (isOver(node)) await node.close()
    else await this.cluster.crash(id, node)
    this.nodes.delete(id)
  }

  /** Whether the other voters that run are a majority. */
  maySpare(id: string): boolean {
    const voters = this.members.filter(({ role }) => role === 'voter').map((voter) => voter.id)
    const up = this.voters.filter(([each]) => each !== id && voters.includes(each))
    return up.length > voters.length / 2
  }

  /** Waits for a change to be made, or refused. */
  async change(what: string, change: Promise<unknown> | undefined): Promise<void> {
    try {
      if (change !== undefined) await within(this.cluster, change)
      this.said.push(`${what}: made`)
    } catch (error) {
      if (!(error instanceof PaxosError)) throw error
      this.said.push(`${what}: ${error.code}`)
    }
  }

  async write(): Promise<void> {
    const [, node] = this.pick(this.voters) ?? []
    if (node === undefined) return
    try {
      await within(this.cluster, node.propose({ name: 'x', add: 1 }, OPTIONS))
      this.acknowledged += 1
    } catch {
      this.unknown += 1
    }
  }

  /** The disk of a member is lost, and it is replaced by the documented procedure. */
  async loseDisk(id: string, admin: SumsReplica | undefined): Promise<void> {
    await this.crash(id)
    await this.open(id, true)
    const renewed = admin?.replaceMember(id, id, at(id), OPTIONS)
    renewed?.catch(() => undefined)
    await this.cluster.clock.advance(this.below(4000))
    const node = this.nodes.get(id)
    if (node !== undefined && isOver(node)) {
      await this.crash(id)
      await this.open(id)
    }
    await this.change(`renew ${id}`, renewed)
  }

  async step(): Promise<void> {
    const [where, admin] = this.pick(this.voters) ?? []
    const ids = this.members.map(({ id }) => id)
    const victim = this.pick(ids) ?? 'a'
    const joins = IDS.find((id) => !ids.includes(id) && !this.nodes.has(id)) ?? null
    const action = this.below(7)
    if (action === 0 && joins !== null) {
      await this.open(joins, true)
      const role = this.below(3) === 0 ? 'learner' : 'voter'
      await this.change(`add ${joins}`, admin?.addMember(joins, at(joins), { ...OPTIONS, role }))
    } else if (action === 1) {
      await this.change(`remove ${victim}`, admin?.removeMember(victim, OPTIONS))
    } else if (action === 2 && joins !== null) {
      await this.open(joins, true)
      const replaced = admin?.replaceMember(victim, joins, at(joins), OPTIONS)
      await this.change(`replace ${victim} by ${joins}`, replaced)
    } else if (action === 3 && victim !== where && this.maySpare(victim)) {
      await this.loseDisk(victim, admin)
    } else if (action === 4 && this.maySpare(victim)) {
      this.said.push(`crash ${victim}`)
      await this.crash(victim)
    } else if (action === 5) {
      const side = [victim, this.pick(ids) ?? victim]
      this.cluster.hub.partition(
        side,
        [...this.nodes.keys()].filter((id) => !side.includes(id)),
      )
      await this.cluster.clock.advance(this.below(5000))
      this.cluster.hub.heal()
    } else await this.write()
    await this.tidy()
  }

  /** As an operator would: members that do not run are started again, some time. */
  async tidy(): Promise<void> {
    await this.cluster.clock.advance(this.below(2000))
    for (const [id, node] of this.nodes) if (isOver(node)) await this.crash(id)
    for (const { id } of this.members) {
      if (!this.nodes.has(id) && this.below(2) === 0) await this.open(id)
    }
  }

  async settle(): Promise<void> {
    this.cluster.hub.heal()
    for (const { id } of this.members) if (!this.nodes.has(id)) await this.open(id)
    await this.cluster.clock.advance(30_000)
  }

  /** For who reads a failure. */
  get story(): string {
    const nodes = [...this.nodes].map(([id, node]) => {
      const { role, standing, appliedThrough, members } = node.status()
      const known = members.members.map((member) => `${member.id} ${member.role}`).join(', ')
      return `${id}: ${role}, ${standing}, applied ${appliedThrough}; ${members.version}: ${known}`
    })
    return [...this.said, ...nodes].join('\n')
  }
}

it.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
  'P23, P28, P31, P33: no acknowledged write is lost, and all go on in one state: seed %d',
  async (seed) => {
    const trial = new Trial(seed)
    const { cluster } = trial
    trial.nodes = await cluster.openAll()
    for (let step = 0; step < STEPS; step += 1) await trial.step()
    await trial.settle()
    const { story } = trial
    const [, node] = trial.voters[0] ?? []
    const read = node?.query('x', { timeoutMs: 50_000 }) ?? Promise.resolve(null)
    const sum = await within(cluster, read).catch((error: unknown) => error)
    expect(sum, story).toBeTypeOf('number')
    expect(sum, story).toBeGreaterThanOrEqual(trial.acknowledged)
    expect(sum, story).toBeLessThanOrEqual(trial.acknowledged + trial.unknown)
    await cluster.clock.advance(5000)
    const running = [...trial.nodes].filter(([, each]) => !isOver(each)).map(([id]) => id)
    const ids = trial.members.map(({ id }) => id).filter((id) => running.includes(id))
    const contents = ids.map((id) => cluster.machines.get(id)?.content)
    expect(new Set(contents.map((content) => JSON.stringify(content))).size, story).toBe(1)
    for (const each of trial.nodes.values()) await each.close({ transfer: false })
    expect(cluster.clock.pending).toBe(0)
  },
)

/** Park and Miller's generator. */
function seeded(seed: number): () => number {
  let state = (seed * 7919) % 2_147_483_647
  const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  for (let warm = 0; warm < 5; warm += 1) next()
  return next
}
