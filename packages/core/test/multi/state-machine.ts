/**
 * The application of the simulated hosts: it keeps the texts of all commands in the order in which
 * they were applied, duplicates left out. It must throw when it is not given every slot in turn.
 */
import type { Slot, Snapshot } from '@paxos/core'

export class StateMachine {
  /** Every command once, in the order in which they were first applied. */
  commands: string[] = []
  applied: Slot = 0
  /** The slot of the newest snapshot that was taken or restored. */
  snapshotThrough: Slot = 0
  readonly #seen = new Set<string>()

  apply(slot: Slot, value: Uint8Array): void {
    if (slot !== this.applied + 1) throw new Error(`slot ${slot} is applied after ${this.applied}`)
    this.applied = slot
    if (value.length === 1 && value[0] === 0) return
    const command = Buffer.from(value).toString().replace(/\.+$/, '')
    if (this.#seen.has(command)) return
    this.#seen.add(command)
    this.commands.push(command)
  }

  snapshot(padding = 0): Uint8Array {
    this.snapshotThrough = this.applied
    const { commands } = this
    return Uint8Array.from(Buffer.from(JSON.stringify({ commands, padding: '.'.repeat(padding) })))
  }

  restore({ through, bytes }: Snapshot): void {
    const content: unknown = JSON.parse(Buffer.from(bytes).toString())
    if (typeof content !== 'object' || content === null || !('commands' in content)) {
      throw new Error('a snapshot holds no commands')
    }
    if (!Array.isArray(content.commands)) throw new Error('a snapshot holds no commands')
    this.commands = content.commands.map(String)
    this.#seen.clear()
    for (const command of this.commands) this.#seen.add(command)
    this.applied = through
    this.snapshotThrough = through
  }
}
