/**
 * Mistakes in the durability adapters. The conformance suite must see them, as every adapter passes
 * it; a test of the adapter's own only what is special to its files.
 */
import type { Mutant } from './mutant.ts'

const MEMORY = 'packages/durability-memory/src'
const KIT = 'packages/adapter-kit/src'
const STORES = `${KIT}/stores`
const APPEND = `${STORES}/append`
const FILE = 'packages/durability-file'
const SQLITE = 'packages/durability-sqlite/src'

const BY_CONFORMANCE = [{ type: 'conformance' }] as const

/** The suite on the stores of the kit. */
const BY_TRANSACTIONS = [{ type: 'tests', file: 'stores/transaction/conformance.test.ts' }] as const
const BY_APPENDING = [{ type: 'tests', file: 'stores/append/conformance.test.ts' }] as const

export const DISK_MUTANTS: readonly Mutant[] = [
  {
    name: 'durability-memory: a save is acknowledged before it is synced',
    file: `${MEMORY}/disk.ts`,
    from: '      waiting.push({ change: copy, isSave, resolve, reject })\n',
    to: '      waiting.push({ change: copy, isSave, resolve, reject })\n      resolve()\n',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-memory: what is behind a torn save is kept',
    file: `${MEMORY}/disk.ts`,
    from: 'return end === -1 ? left : left.slice(0, end)',
    to: 'return end === -1 ? left : left.filter(({ isWhole }) => isWhole)',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-memory: saves go on after one has failed',
    file: `${MEMORY}/disk.ts`,
    from: '        if (poisoned) throw poisonedError()\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-memory: two adapters have one disk open',
    file: `${MEMORY}/disk.ts`,
    from: '        if (holder !== null) throw locked()\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-memory: what is stored is the caller’s bytes, and no copy',
    file: `${MEMORY}/state.ts`,
    from: 'return { slot, ballot: { ...ballot }, value: new Uint8Array(value) }',
    to: 'return { slot, ballot: { ...ballot }, value }',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-memory: a snapshot truncates the log one slot too far',
    file: `${MEMORY}/state.ts`,
    from: 'if (slot <= through) this.#accepted.delete(slot)',
    to: 'if (slot <= through + 1) this.#accepted.delete(slot)',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'stores: the CRC of a record is not checked',
    file: `${APPEND}/frame.ts`,
    from: '  if (checksum(view) !== view.readUInt32LE(CHECKSUM_POSITION)) return null\n',
    to: '',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: a save is acknowledged before the fsync',
    file: `${APPEND}/log.ts`,
    from: 'await this.#file.writeDurably(at, frame)',
    to: 'await this.#file.write(at, frame)',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: a save is acknowledged before its group is written',
    file: `${STORES}/group-commit.ts`,
    from: `      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))
      for (const { resolve } of group) resolve()`,
    to: `      for (const { resolve } of group) resolve()
      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))`,
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: what waited behind a save that failed is written after it',
    file: `${STORES}/group-commit.ts`,
    from: '    for (const { reject } of this.#waiting.splice(0)) reject(refusal)\n',
    to: '    if (this.#waiting.length > 1e9) throw refusal\n',
    caughtBy: [{ type: 'tests', file: 'stores/group-commit.test.ts' }],
  },
  {
    name: 'stores: the directory is not synced when the log got its name',
    file: `${APPEND}/store.ts`,
    from: '  await fs.syncDirectory(directory)\n',
    to: '',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: the directory is not synced when a rewritten log got its name',
    file: `${APPEND}/compaction.ts`,
    from: '    await fs.syncDirectory(directory)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'stores/append/crash.test.ts' }],
  },
  {
    name: 'stores: a rewritten log gets its name before it is synced',
    file: `${APPEND}/compaction.ts`,
    from: '    await target.log.seal()\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'stores/append/crash.test.ts' }],
  },
  {
    name: 'stores: a rewritten log lacks the saves that came while it was written',
    file: `${APPEND}/compaction.ts`,
    from: '    await copyGroups(reader, old.durable, target, () => false)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'stores/append/crash.test.ts' }],
    isSlow: true,
  },
  {
    name: 'stores: a snapshot is not synced before the log refers to it',
    file: `${APPEND}/snapshot-file.ts`,
    from: '    await this.#file.sync()\n    await this.#fs.syncDirectory(this.#directory)\n',
    to: '    await this.#fs.syncDirectory(this.#directory)\n',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: the directory is not synced after a snapshot was made in it',
    file: `${APPEND}/snapshot-file.ts`,
    from: '    await this.#fs.syncDirectory(this.#directory)\n',
    to: '',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: the older snapshot is removed before the log refers to the newer one',
    file: `${APPEND}/store.ts`,
    from: '    const records = group.map((change) => change.records)\n',
    to: `    const records = group.map((change) => change.records)
    if (before !== null && group.some(({ snapshot }) => snapshot !== null)) {
      await this.#fs.remove(join(this.#directory, snapshotName(before.id)))
    }
`,
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: a snapshot truncates the log one slot too far',
    file: `${APPEND}/state.ts`,
    from: 'return this.snapshot === null || slot > this.snapshot.through',
    to: 'return this.snapshot === null || slot > this.snapshot.through + 1',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: a torn tail is kept, and is there when what is written over it is shorter',
    file: `${APPEND}/log.ts`,
    from: '  if (end < size) await file.truncate(end)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'stores/append/damage.test.ts' }],
  },
  {
    name: 'stores: a log that ends before its mark is opened all the same',
    file: `${APPEND}/log.ts`,
    from: '  if (end < least) {\n',
    to: '  if (end < least && marked < 0) {\n',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: a group of another log is taken for one of this',
    file: `${APPEND}/group-reader.ts`,
    from: 'if (frame?.kind !== FRAME_KIND.group || frame.id !== this.#id) return null',
    to: 'if (frame?.kind !== FRAME_KIND.group || this.#id === 0n) return null',
    caughtBy: [{ type: 'tests', file: 'stores/append/damage.test.ts' }],
  },
  {
    name: 'files: the lock of a process that lives is taken for that of a dead one',
    file: `${KIT}/files/lock.ts`,
    from: '      if (!(await isAlive(socketPath(target, handle, name)))) continue\n',
    to: '      if ((await isAlive(socketPath(target, handle, name))) || name !== own) continue\n',
    caughtBy: [{ type: 'tests', file: 'files/lock.test.ts' }],
  },
  {
    name: 'stores: of two copies of an object the older one is preferred',
    file: `${APPEND}/object-files.ts`,
    from: '.toSorted((a, b) => b.serial - a.serial)',
    to: '.toSorted((a, b) => a.serial - b.serial)',
    caughtBy: [{ type: 'tests', file: 'durable-object.test.ts', of: FILE }],
  },
  {
    name: 'stores: an older copy of an object is served when the mark of the newer is damaged',
    file: `${APPEND}/object-files.ts`,
    from: 'const expected = second === undefined ? [marked + 1] : [marked, marked + 1]',
    to: 'const expected = [marked, marked + 1]',
    caughtBy: [{ type: 'tests', file: 'stores/append/damage.test.ts' }],
  },
  {
    name: 'stores: an object is marked as complete before it is synced',
    file: `${APPEND}/object-files.ts`,
    from: `    await file.write(SAVE_POSITION, encodeFrame(header, bytes))
    await file.sync()
`,
    to: `    await file.write(SAVE_POSITION, encodeFrame(header, bytes))
`,
    caughtBy: [{ type: 'tests', file: 'stores/append/object-crash.test.ts' }],
  },
  {
    name: 'stores: a reserve is kept when the log is closed',
    file: `${APPEND}/log.ts`,
    from: '    await this.#file.truncate(this.#end)\n    await this.#file.sync()\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'file.test.ts', of: FILE }],
  },
  {
    name: 'durability-sqlite: a save is acknowledged before its transaction is committed',
    file: `${SQLITE}/transaction.ts`,
    from: "  await sender.add({ sql: 'COMMIT', parameters: [] })\n  await sender.send()\n",
    to: "  await sender.add({ sql: 'COMMIT', parameters: [] })\n  void sender.send()\n",
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-sqlite: the mark is not written',
    file: `${SQLITE}/medium.ts`,
    from: '            await mark.write(state.generation)\n',
    to: '            if (state.generation < 0) await mark.write(state.generation)\n',
    caughtBy: BY_CONFORMANCE,
    isSlow: true,
  },
  {
    name: 'durability-sqlite: what a copy to a full disk left is opened as new',
    file: `${SQLITE}/database.ts`,
    from: 'if (!markIsThere && (await fs.size(`${path}-mark`)) === null) return',
    to: 'if (!markIsThere) return',
    caughtBy: [{ type: 'tests', file: 'damage.test.ts' }],
  },
  {
    name: 'durability-sqlite: the mark is not synced',
    file: `${SQLITE}/mark.ts`,
    from: '      await file.sync()\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
    isSlow: true,
  },
  {
    name: 'durability-sqlite: a database that has lost commits is opened all the same',
    file: `${SQLITE}/load.ts`,
    from: 'if (state.generation < leastGeneration) {',
    to: 'if (state.generation < 0 && leastGeneration > 0) {',
    caughtBy: [{ type: 'tests', file: 'damage.test.ts' }],
  },
  {
    name: 'durability-sqlite: the rows are not held against the digest',
    file: `${SQLITE}/load.ts`,
    from: 'if (state.acceptorRow().at(-1) !== acceptor.digest) {',
    to: 'if (acceptor.digest === null) {',
    caughtBy: [{ type: 'tests', file: 'damage.test.ts' }],
  },
  {
    name: 'durability-sqlite: SQLite does not sync its log in a commit',
    file: `${SQLITE}/database.ts`,
    from: "['synchronous', 2n],",
    to: "['synchronous', 1n],",
    caughtBy: [{ type: 'conformance' }, { type: 'tests', file: 'sqlite.test.ts' }],
    isSlow: true,
  },
  {
    name: 'stores: of a medium with transactions, a snapshot truncates the log one slot too far',
    file: `${STORES}/transaction/state.ts`,
    from: 'return this.#snapshotThrough === null || slot > this.#snapshotThrough',
    to: 'return this.#snapshotThrough === null || slot > this.#snapshotThrough + 1',
    caughtBy: BY_TRANSACTIONS,
  },
  {
    name: 'core: a disk of another node is taken for this one’s',
    file: 'packages/core/src/claim.ts',
    from: 'found.cluster === cluster && found.id === id && found.kind === kind',
    to: 'found.cluster === cluster && found.kind === kind',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'core: what an earlier release wrote for others is taken for this node’s',
    file: 'packages/core/src/claim.ts',
    from: '  if (!isNew) requireNoContradiction(place, found, owner)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'durability-memory: whose a disk is is not kept',
    file: `${MEMORY}/disk.ts`,
    from: '    identity = claimed.identity\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'stores: a log that is rewritten has no owner any more',
    file: `${APPEND}/compaction.ts`,
    from: '  identity: Identity | null = old.log.identity,\n',
    to: '  identity: Identity | null = null,\n',
    caughtBy: BY_APPENDING,
  },
  {
    name: 'stores: a torn end is cut off before it is known whose the log is',
    file: `${APPEND}/log.ts`,
    from: '  visitor.beforeWriting(identity)\n  if (end < size) await file.truncate(end)\n',
    to: '  if (end < size) await file.truncate(end)\n  visitor.beforeWriting(identity)\n',
    caughtBy: [{ type: 'tests', file: 'stores/append/identity.test.ts' }],
  },
  {
    name: 'stores: nobody looks whether a directory is there behind a save',
    file: `${APPEND}/store.ts`,
    from: '({ bytes }) => bytes)))\n    await this.#requireHeld()\n',
    to: '({ bytes }) => bytes)))\n',
    caughtBy: [{ type: 'tests', file: 'place.test.ts', of: FILE }],
  },
  {
    name: 'files: a lock that was taken away is taken for held',
    file: `${KIT}/files/lock.ts`,
    from: 'isHeld: async () => inodeAt(path) === inode,',
    to: 'isHeld: async () => inodeAt(path) === inode || inode > 0n,',
    caughtBy: [{ type: 'tests', file: 'files/lock.test.ts' }],
  },
  {
    name: 'files: a link is followed where a file is to be',
    file: `${KIT}/files/disk.ts`,
    from: 'constants.O_RDWR | NO_LINK | create',
    to: 'constants.O_RDWR | create',
    caughtBy: [{ type: 'tests', file: 'place.test.ts', of: FILE }],
  },
  {
    name: 'durability-sqlite: a database gets an owner, and its mark does not say so',
    file: `${SQLITE}/up-to-date.ts`,
    from: '  mark.announce(version)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'durability-sqlite: an owner is given before it is known whether it may be',
    file: `${SQLITE}/database.ts`,
    from: 'admit({ ...saved, identity: state.identity })',
    to: 'admit({ ...saved, accepted: [], snapshot: null, promised: null, chosenThrough: 0, identity: state.identity })',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'durability-sqlite: nobody looks whether the files are there that are written to',
    file: `${SQLITE}/medium.ts`,
    from: 'now.every((identity, at) => identity === own[at])',
    to: 'now.length === own.length',
    caughtBy: [{ type: 'tests', file: 'place.test.ts' }],
  },
  {
    name: 'stores: a save that could not be stored is forgotten, and the next one goes on',
    file: `${STORES}/group-commit.ts`,
    from: '      this.poison(error)\n      throw error\n',
    to: '      throw error\n',
    caughtBy: [{ type: 'tests', file: 'stores/stores.test.ts' }],
  },
  {
    name: 'stores: of a medium with transactions, nobody looks whether it is there before a commit',
    file: `${STORES}/transaction/store.ts`,
    from: '      await this.#requireHeld()\n      await this.#session.commit',
    to: '      await this.#session.commit',
    caughtBy: [{ type: 'tests', file: 'stores/stores.test.ts' }],
  },
  {
    name: 'stores: of a medium with transactions, nobody looks whether it is there after a commit',
    file: `${STORES}/transaction/store.ts`,
    from: '(this.#state.apply(group))\n      await this.#requireHeld()\n',
    to: '(this.#state.apply(group))\n',
    caughtBy: [{ type: 'tests', file: 'stores/stores.test.ts' }],
  },
  {
    name: 'stores: an entry that a snapshot covers is in the transaction that brings it',
    file: `${STORES}/transaction/state.ts`,
    from: 'if (slot <= snapshot.through) accepted.delete(slot)',
    to: 'if (slot < snapshot.through) accepted.delete(slot)',
    caughtBy: [{ type: 'tests', file: 'stores/transaction/state.test.ts' }],
  },
  {
    name: 'stores: a Buffer is handed to a medium as it is',
    file: `${STORES}/transaction/change.ts`,
    from: 'if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes',
    to: 'if (bytes instanceof Uint8Array) return bytes',
    caughtBy: BY_TRANSACTIONS,
  },
  {
    name: 'stores: close() of a store that is being opened leaves it open',
    file: `${STORES}/life-cycle.ts`,
    from: "      if (phase.name === 'opening') await phase.done.catch(() => undefined)\n",
    to: '',
    caughtBy: [{ type: 'tests', file: 'stores/stores.test.ts' }],
  },
  {
    name: 'stores: the lock is kept when an open fails',
    file: `${STORES}/life-cycle.ts`,
    from: '        await lock.release()\n        throw error\n',
    to: '        throw error\n',
    caughtBy: [{ type: 'tests', file: 'stores/stores.test.ts' }],
  },
  {
    name: 'stores: a log of an earlier format stays so, and admits whoever promises later',
    file: `${APPEND}/store.ts`,
    from: 'log.isEarly && claimed.identity !== null && owner !== undefined',
    to: 'log.isEarly && claimed.identity === null && owner !== undefined',
    caughtBy: [{ type: 'tests', file: 'stores/append/identity.test.ts' }],
  },
  {
    name: 'stores: a log that is rewritten forgets who is admitted',
    file: `${APPEND}/record.ts`,
    from: '  if (admitted) writer.byte(ADMITTED)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'stores/append/identity.test.ts' }],
  },
  {
    name: 'stores: a later change takes an admission back',
    file: `${STORES}/transaction/state.ts`,
    from: 'this.#admitted ||= change.admitted',
    to: 'this.#admitted = change.admitted',
    caughtBy: BY_TRANSACTIONS,
  },
  {
    name: 'durability-sqlite: the configuration of an older snapshot stays behind one without',
    file: `${SQLITE}/transaction.ts`,
    from: "['snapshot_member', 'snapshot_piece', 'snapshot_configuration']",
    to: "['snapshot_member', 'snapshot_piece']",
    caughtBy: [{ type: 'tests', file: 'conformance.test.ts' }],
  },
  {
    name: 'durability-sqlite: what is brought up to date forgets who is admitted',
    file: `${SQLITE}/up-to-date.ts`,
    from: "    ...(isEarly(before) && state.admitted ? [put('admission', ADMISSION_ROW)] : []),\n",
    to: '',
    caughtBy: [{ type: 'tests', file: 'conformance.test.ts' }],
  },
]
