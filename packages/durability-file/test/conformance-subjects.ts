/** What the conformance suite tests here: for its test, and for `pnpm conformance`. */
import { EventEmitter, once } from 'node:events'
import { directoryHarness } from '@paxos/testkit'
import type { DurabilityHarness, Subject } from '@paxos/testkit'
import type { DurableFile, OpenFile } from '@paxos/adapter-kit/stores'
import { fileOn } from '../src/file.ts'
import { nodeFileSystem, type DirectorySystem } from '../src/file-system.ts'

/** What earlier releases left: the format is the kit's. */
const FIXTURES = new URL('../../adapter-kit/test/stores/append/fixtures', import.meta.url)

export const notApplicable = {
  crashesDuring:
    'a real disk does not lose power when it is asked to: the kit’s suite has a simulated one',
}

const subject: Subject = { durability: harness, notApplicable }
export default subject

/** Real files. What makes them durable can be held, and what writes can be refused. */
export function harness(): DurabilityHarness {
  let held: Gate | null = null
  let isFailing = false

  function requireSound(): void {
    if (isFailing) throw Object.assign(new Error('simulated EIO'), { code: 'EIO' })
  }

  /** As a disk would: a sync that was called before it fails may have failed as well. */
  async function durably(work: () => Promise<void>): Promise<void> {
    requireSound()
    await held?.pass()
    requireSound()
    await work()
  }

  function over<File extends OpenFile>(file: File): File {
    return {
      ...file,
      async write(position: number, bytes: Uint8Array) {
        requireSound()
        await file.write(position, bytes)
      },
      sync: () => durably(() => file.sync()),
    }
  }

  function overDurable(file: DurableFile): DurableFile {
    return {
      ...over(file),
      writeDurably: (position, bytes) => durably(() => file.writeDurably(position, bytes)),
    }
  }

  const fs: DirectorySystem = {
    ...nodeFileSystem,
    open: async (path, mode) => over(await nodeFileSystem.open(path, mode)),
    openDurable: async (path, mode) => overDurable(await nodeFileSystem.openDurable(path, mode)),
  }
  return {
    ...directoryHarness({
      durability: (directory) => fileOn(fs, directory),
      fixtures: FIXTURES,
      flips: 32,
    })(),
    hold() {
      const gate = newGate()
      held = gate
      return {
        waiting: async () => void (await gate.arrived),
        release() {
          if (held === gate) held = null
          gate.open()
        },
      }
    },
    fail() {
      isFailing = true
      return () => {
        isFailing = false
      }
    },
  }
}

/** Where syncs wait until a scenario opens it, and where it waits until one has come. */
interface Gate {
  readonly arrived: Promise<unknown>
  readonly pass: () => Promise<unknown>
  readonly open: () => void
}

function newGate(): Gate {
  const events = new EventEmitter()
  const arrived = once(events, 'arrived')
  const opened = once(events, 'open')
  return {
    arrived,
    pass() {
      events.emit('arrived')
      return opened
    },
    open: () => events.emit('open'),
  }
}
