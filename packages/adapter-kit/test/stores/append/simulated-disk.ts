/**
 * A disk that can lose power. It keeps apart what was written and what was synced, stops before or
 * within any operation, and then shows what a machine could find when it comes up again: what was
 * synced, and of the rest anything between all and nothing.
 */
import { LockedError } from '@paxos/core'
import type { DurableFile, FileSystem, OpenFile } from '../../../src/stores/append/file-system.ts'

type FileChange =
  | { readonly type: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly length: number }

interface Inode {
  synced: Uint8Array
  pending: FileChange[]
}

/** Names to set (or, with null, to remove) in one go. */
type NameChange = ReadonlyMap<string, Inode | null>

/** Where the power goes: before operation `step`, or after `bytes` bytes of it if it is a write. */
export interface PowerCut {
  readonly step: number
  readonly bytes?: number
}

export interface Operation {
  readonly type: 'write' | 'truncate' | 'sync' | 'durable-write' | 'name' | 'sync-directory'
  readonly path: string
  readonly bytes: number
}

/** How much of what was not synced is there afterwards. A function draws from [0, 1). */
export type Survival = 'everything' | 'nothing' | (() => number)

const SECTOR_BYTES = 512

export class SimulatedDisk implements FileSystem {
  /** Everything that changed the disk, in order. */
  readonly operations: Operation[] = []
  openFiles = 0
  locked = false
  #names: Map<string, Inode>
  #syncedNames: Map<string, Inode>
  #pendingNames: NameChange[] = []
  #powerCut: PowerCut | null = null
  #isDown = false
  #failure: { readonly matches: (operation: Operation) => boolean; readonly code: string } | null =
    null
  /** Syncs that are held. */
  waitingSyncs = 0
  #gate: Promise<void> | null = null
  #openGate: () => void = () => undefined

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    const inodes = [...files].map(([name, bytes]): [string, Inode] => [
      name,
      { synced: Uint8Array.from(bytes), pending: [] },
    ])
    this.#names = new Map(inodes)
    this.#syncedNames = new Map(inodes)
  }

  cutPowerAt(cut: PowerCut): void {
    this.#powerCut = cut
  }

  get isDown(): boolean {
    return this.#isDown
  }

  /** The process is gone, between two operations. */
  kill(): void {
    this.#isDown = true
  }

  /** The first operation that matches, and all like it, fail as the system would. */
  failWith(code: string, matches: (operation: Operation) => boolean): void {
    this.#failure = { matches, code }
  }

  count(type: Operation['type']): number {
    return this.operations.filter((operation) => operation.type === type).length
  }

  /** Syncs wait until `release`. */
  holdSyncs(): void {
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve
    })
  }

  release(): void {
    this.#gate = null
    this.#openGate()
  }

  /** Every name is gone, as when the directory was moved: what is open goes on. */
  loseNames(): void {
    this.#names.clear()
  }

  /** What a running process sees. */
  files(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([name, inode]) => [name, contents(inode)]))
  }

  /** The disk as it is found when the machine (or, with 'everything', the process) comes up. */
  restarted(survival: Survival): SimulatedDisk {
    const names = new Map(this.#syncedNames)
    for (const change of this.#pendingNames) if (survives(survival)) setNames(names, change)
    return new SimulatedDisk(
      new Map([...names].map(([name, inode]) => [name, contentsAfterCrash(inode, survival)])),
    )
  }

  /** The same disk after the process died: what was not synced is visible, and still not synced. */
  withNewProcess(): SimulatedDisk {
    const disk = new SimulatedDisk()
    disk.#names = new Map(
      [...this.#names].map(([name, inode]) => [name, { ...inode, pending: [...inode.pending] }]),
    )
    // Names are taken for durable here: the tests of power cuts are about them.
    disk.#syncedNames = new Map(disk.#names)
    return disk
  }

  // --- FileSystem

  async makeDirectory(): Promise<void> {
    this.#requirePower()
  }

  async exposure(): Promise<string | null> {
    return null
  }

  async list(directory: string): Promise<readonly string[]> {
    this.#requirePower()
    return [...this.#names.keys()].map((name) => name.slice(directory.length + 1))
  }

  async open(path: string, mode: 'existing' | 'create'): Promise<OpenFile> {
    this.#requirePower()
    let inode = this.#names.get(path)
    if (inode === undefined && mode === 'existing') throw systemError('ENOENT')
    if (inode !== undefined && mode === 'create') throw systemError('EEXIST')
    if (inode === undefined) {
      inode = { synced: new Uint8Array(0), pending: [] }
      this.#changeNames(path, new Map([[path, inode]]))
    }
    this.openFiles += 1
    return this.#openFile(path, inode)
  }

  async openDurable(path: string, mode: 'existing' | 'create'): Promise<DurableFile> {
    return this.#durable(await this.open(path, mode))
  }

  async rename(from: string, to: string): Promise<void> {
    const inode = this.#names.get(from)
    if (inode === undefined) throw systemError('ENOENT')
    this.#changeNames(
      to,
      new Map<string, Inode | null>([
        [from, null],
        [to, inode],
      ]),
    )
  }

  async remove(path: string): Promise<void> {
    this.#changeNames(path, new Map([[path, null]]))
  }

  async syncDirectory(directory: string): Promise<void> {
    this.#begin({ type: 'sync-directory', path: directory, bytes: 0 })
    this.#pendingNames = []
    this.#syncedNames = new Map(this.#names)
  }

  async lock() {
    if (this.locked) throw new LockedError('The simulated disk is locked. Close what has it open.')
    this.locked = true
    return {
      isHeld: async () => this.locked,
      release: async () => {
        this.locked = false
      },
    }
  }

  #openFile(path: string, inode: Inode): OpenFile {
    let isOpen = true
    const requireOpen = () => {
      if (!isOpen) throw systemError('EBADF')
    }
    return {
      path,
      isAt: async (place) => this.#names.get(place) === inode,
      size: async () => {
        this.#requirePower()
        return contents(inode).byteLength
      },
      read: async (position, length) => {
        this.#requirePower()
        requireOpen()
        return contents(inode).slice(position, position + length)
      },
      write: async (position, bytes) => {
        requireOpen()
        this.#change(path, inode, { type: 'write', position, bytes: bytes.slice() })
      },
      truncate: async (length) => {
        requireOpen()
        this.#change(path, inode, { type: 'truncate', length })
      },
      sync: async () => {
        requireOpen()
        this.#begin({ type: 'sync', path, bytes: 0 })
        // What is written from here on is for the next sync.
        const covered = new Set(inode.pending)
        await this.#passGate()
        inode.synced = appliedAll(inode.synced, [...covered])
        inode.pending = inode.pending.filter((change) => !covered.has(change))
      },
      close: async () => {
        if (isOpen) this.openFiles -= 1
        isOpen = false
      },
    }
  }

  #durable(file: OpenFile): DurableFile {
    const inode = this.#names.get(file.path)
    if (inode === undefined) throw systemError('ENOENT')
    return {
      ...file,
      writeDurably: async (position, bytes) => {
        // Fails as the file does when it is closed.
        await file.read(0, 0)
        const change: FileChange = { type: 'write', position, bytes: bytes.slice() }
        this.#change(file.path, inode, change, 'durable-write')
        await this.#passGate()
        inode.synced = appliedAll(inode.synced, [change])
        inode.pending = inode.pending.filter((pending) => pending !== change)
      },
    }
  }

  async #passGate(): Promise<void> {
    this.waitingSyncs += 1
    if (this.#gate !== null) await this.#gate
    this.waitingSyncs -= 1
    this.#requirePower()
  }

  #change(
    path: string,
    inode: Inode,
    change: FileChange,
    type: 'write' | 'truncate' | 'durable-write' = change.type,
  ): void {
    const bytes = change.type === 'write' ? change.bytes.byteLength : 0
    const cut = this.#powerCut
    const isLast = this.operations.length + 1 === cut?.step
    if (isLast && cut?.bytes !== undefined && change.type === 'write' && !this.#isDown) {
      const part = change.bytes.slice(0, cut.bytes)
      inode.pending.push({ type: 'write', position: change.position, bytes: part })
    }
    this.#begin({ type, path, bytes })
    inode.pending.push(change)
  }

  #changeNames(path: string, change: NameChange): void {
    this.#begin({ type: 'name', path, bytes: 0 })
    this.#pendingNames.push(change)
    setNames(this.#names, change)
  }

  #begin(operation: Operation): void {
    this.#requirePower()
    if (this.operations.length + 1 === this.#powerCut?.step) this.#isDown = true
    this.#requirePower()
    if (this.#failure?.matches(operation) === true) throw systemError(this.#failure.code)
    this.operations.push(operation)
  }

  #requirePower(): void {
    if (this.#isDown) throw new Error('The power is off.')
  }
}

function setNames(names: Map<string, Inode>, change: NameChange): void {
  for (const [name, inode] of change) {
    if (inode === null) names.delete(name)
    else names.set(name, inode)
  }
}

function contents(inode: Inode): Uint8Array {
  return appliedAll(inode.synced, inode.pending)
}

function contentsAfterCrash(inode: Inode, survival: Survival): Uint8Array {
  if (survival === 'everything') return contents(inode)
  if (survival === 'nothing') return inode.synced
  return appliedAll(
    inode.synced,
    inode.pending.flatMap((change) => torn(change, survival)),
  )
}

/** Sector by sector a write is there, is not, or has left garbage. */
function torn(change: FileChange, draw: () => number): readonly FileChange[] {
  if (change.type === 'truncate') return draw() < 0.5 ? [change] : []
  if (draw() < 0.3) return [change]
  const parts: FileChange[] = []
  for (let start = 0; start < change.bytes.byteLength;) {
    const toNextSector = SECTOR_BYTES - ((change.position + start) % SECTOR_BYTES)
    // Now and then within a sector too.
    const length = draw() < 0.1 ? Math.ceil(toNextSector * draw()) || 1 : toNextSector
    const bytes = change.bytes.slice(start, start + length)
    const fate = draw()
    if (fate < 0.1) bytes.fill(Math.floor(draw() * 256))
    if (fate < 0.6) parts.push({ type: 'write', position: change.position + start, bytes })
    start += length
  }
  return parts
}

/** A copy of `bytes`, changed. One for all changes: a write of some size is torn into hundreds. */
function appliedAll(bytes: Uint8Array, changes: readonly FileChange[]): Uint8Array {
  const ends = changes.map((change) =>
    change.type === 'write' ? change.position + change.bytes.byteLength : change.length,
  )
  const result = new Uint8Array(Math.max(bytes.byteLength, ...ends))
  result.set(bytes)
  let length = bytes.byteLength
  for (const change of changes) {
    if (change.type === 'write') {
      result.set(change.bytes, change.position)
      length = Math.max(length, change.position + change.bytes.byteLength)
    } else {
      result.fill(0, change.length, length)
      length = change.length
    }
  }
  return result.subarray(0, length)
}

function survives(survival: Survival): boolean {
  return survival === 'everything' || (survival !== 'nothing' && survival() < 0.5)
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code })
}
