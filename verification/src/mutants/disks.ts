/**
 * Mistakes in the durability adapters. The conformance suite must see them, as every adapter passes
 * it; a test of the adapter's own only what is special to its files.
 */
import type { Mutant } from './mutant.ts'

const MEMORY = 'packages/durability-memory/src'
const FILE = 'packages/durability-file/src'
const SQLITE = 'packages/durability-sqlite/src'

const BY_CONFORMANCE = [{ type: 'conformance' }] as const

export const DISK_MUTANTS: readonly Mutant[] = [
  {
    name: 'durability-memory: a save is acknowledged before it is synced',
    file: `${MEMORY}/disk.ts`,
    from: '      waiting.push({ change: copy, resolve, reject })\n',
    to: '      waiting.push({ change: copy, resolve, reject })\n      resolve()\n',
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
    name: 'durability-file: the CRC of a record is not checked',
    file: `${FILE}/frame.ts`,
    from: '  if (checksum(view) !== view.readUInt32LE(CHECKSUM_POSITION)) return null\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: a save is acknowledged before the fsync',
    file: `${FILE}/log.ts`,
    from: 'await this.#file.writeDurably(at, frame)',
    to: 'await this.#file.write(at, frame)',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: a save is acknowledged before its group is written',
    file: `${FILE}/group-commit.ts`,
    from: `      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))
      for (const { resolve } of group) resolve()`,
    to: `      for (const { resolve } of group) resolve()
      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))`,
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: what waited behind a save that failed is written after it',
    file: `${FILE}/group-commit.ts`,
    from: '    for (const { reject } of this.#waiting.splice(0)) reject(refusal)\n',
    to: '    if (this.#waiting.length > 1e9) throw refusal\n',
    caughtBy: [{ type: 'tests', file: 'group-commit.test.ts' }],
  },
  {
    name: 'durability-file: the directory is not synced when the log got its name',
    file: `${FILE}/store.ts`,
    from: '  await fs.syncDirectory(directory)\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: the directory is not synced when a rewritten log got its name',
    file: `${FILE}/compaction.ts`,
    from: '    await fs.syncDirectory(directory)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'crash.test.ts' }],
  },
  {
    name: 'durability-file: a rewritten log gets its name before it is synced',
    file: `${FILE}/compaction.ts`,
    from: '    await target.log.seal()\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'crash.test.ts' }],
  },
  {
    name: 'durability-file: a rewritten log lacks the saves that came while it was written',
    file: `${FILE}/compaction.ts`,
    from: '    await copyGroups(reader, old.durable, target, () => false)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'crash.test.ts' }],
    isSlow: true,
  },
  {
    name: 'durability-file: a snapshot is not synced before the log refers to it',
    file: `${FILE}/snapshot-file.ts`,
    from: '    await file.sync()\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: the directory is not synced after a snapshot was made in it',
    file: `${FILE}/snapshot-file.ts`,
    from: '  await fs.syncDirectory(directory)\n',
    to: '',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: the older snapshot is removed before the log refers to the newer one',
    file: `${FILE}/store.ts`,
    from: '    const records = group.map((change) => change.records)\n',
    to: `    const records = group.map((change) => change.records)
    if (before !== null && group.some(({ snapshot }) => snapshot !== null)) {
      await this.#fs.remove(join(this.#directory, snapshotName(before.id)))
    }
`,
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: a snapshot truncates the log one slot too far',
    file: `${FILE}/state.ts`,
    from: 'return this.snapshot === null || slot > this.snapshot.through',
    to: 'return this.snapshot === null || slot > this.snapshot.through + 1',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: a torn tail is kept, and is there when what is written over it is shorter',
    file: `${FILE}/log.ts`,
    from: '  if (end < size) await file.truncate(end)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'damage.test.ts' }],
  },
  {
    name: 'durability-file: a log that ends before its mark is opened all the same',
    file: `${FILE}/log.ts`,
    from: '  if (end < least) {\n',
    to: '  if (end < least && marked < 0) {\n',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: a group of another log is taken for one of this',
    file: `${FILE}/group-reader.ts`,
    from: 'if (frame?.kind !== FRAME_KIND.group || frame.id !== this.#id) return null',
    to: 'if (frame?.kind !== FRAME_KIND.group || this.#id === 0n) return null',
    caughtBy: [{ type: 'tests', file: 'damage.test.ts' }],
  },
  {
    name: 'durability-file: the lock of a process that lives is taken for that of a dead one',
    file: `${FILE}/lock.ts`,
    from: '      if (!(await isAlive(socketPath(directory, handle, name)))) continue\n',
    to: '      if ((await isAlive(socketPath(directory, handle, name))) || name !== own) continue\n',
    caughtBy: [{ type: 'tests', file: 'lock.test.ts' }],
  },
  {
    name: 'durability-file: of two copies of an object the older one is preferred',
    file: `${FILE}/object-files.ts`,
    from: '.toSorted((a, b) => b.serial - a.serial)',
    to: '.toSorted((a, b) => a.serial - b.serial)',
    caughtBy: [{ type: 'tests', file: 'durable-object.test.ts' }],
  },
  {
    name: 'durability-file: an older copy of an object is served when the mark of the newer is damaged',
    file: `${FILE}/object-files.ts`,
    from: 'const expected = second === undefined ? [marked + 1] : [marked, marked + 1]',
    to: 'const expected = [marked, marked + 1]',
    caughtBy: [{ type: 'tests', file: 'damage.test.ts' }],
  },
  {
    name: 'durability-file: an object is marked as complete before it is synced',
    file: `${FILE}/object-files.ts`,
    from: `    await file.write(SAVE_POSITION, encodeFrame(header, bytes))
    await file.sync()
`,
    to: `    await file.write(SAVE_POSITION, encodeFrame(header, bytes))
`,
    caughtBy: [{ type: 'tests', file: 'object-crash.test.ts' }],
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
    file: `${SQLITE}/store.ts`,
    from: '      await mark.write(state.generation)\n',
    to: '      if (state.generation < 0) await mark.write(state.generation)\n',
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
    name: 'durability-sqlite: a snapshot truncates the log one slot too far',
    file: `${SQLITE}/state.ts`,
    from: 'return this.snapshotThrough === null || slot > this.snapshotThrough',
    to: 'return this.snapshotThrough === null || slot > this.snapshotThrough + 1',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-sqlite: what waited behind a save that failed is written after it',
    file: `${SQLITE}/group-commit.ts`,
    from: '    for (const { reject } of this.#waiting.splice(0)) reject(refusal)\n',
    to: '    if (this.#waiting.length > 1e9) throw refusal\n',
    caughtBy: [{ type: 'tests', file: 'group-commit.test.ts' }],
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
    name: 'durability-file: a log that is rewritten has no owner any more',
    file: `${FILE}/compaction.ts`,
    from: '  identity: Identity | null = old.log.identity,\n',
    to: '  identity: Identity | null = null,\n',
    caughtBy: BY_CONFORMANCE,
  },
  {
    name: 'durability-file: a torn end is cut off before it is known whose the log is',
    file: `${FILE}/log.ts`,
    from: '  visitor.beforeWriting(identity)\n  if (end < size) await file.truncate(end)\n',
    to: '  if (end < size) await file.truncate(end)\n  visitor.beforeWriting(identity)\n',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'durability-file: nobody looks whether a directory is there behind a save',
    file: `${FILE}/store.ts`,
    from: '({ bytes }) => bytes)))\n    await this.#requireHeld()\n',
    to: '({ bytes }) => bytes)))\n',
    caughtBy: [{ type: 'tests', file: 'place.test.ts' }],
  },
  {
    name: 'durability-file: a lock that was taken away is taken for held',
    file: `${FILE}/lock.ts`,
    from: 'isHeld: async () => inodeAt(path) === inode,',
    to: 'isHeld: async () => inodeAt(path) === inode || inode > 0n,',
    caughtBy: [{ type: 'tests', file: 'place.test.ts' }],
  },
  {
    name: 'durability-file: a link is followed where a file is to be',
    file: `${FILE}/file-system.ts`,
    from: 'return open(path, constants.O_RDWR | NO_LINK | create, 0o600)',
    to: 'return open(path, constants.O_RDWR | create, 0o600)',
    caughtBy: [{ type: 'tests', file: 'place.test.ts' }],
  },
  {
    name: 'durability-sqlite: a database gets an owner, and its mark does not say so',
    file: `${SQLITE}/give.ts`,
    from: '  mark.announce(OWNED_SCHEMA_VERSION)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'durability-sqlite: an owner is given before it is known whether it may be',
    file: `${SQLITE}/database.ts`,
    from: 'claim(path, { ...saved, identity: state.identity }, owner)',
    to: 'claim(path, { ...saved, ...EMPTY_SAVED, identity: state.identity }, owner)',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'durability-sqlite: nobody looks whether the files are there that are written to',
    file: `${SQLITE}/place.ts`,
    from: 'now.every((identity, at) => identity === own[at])',
    to: 'now.length === own.length',
    caughtBy: [{ type: 'tests', file: 'place.test.ts' }],
  },
]
