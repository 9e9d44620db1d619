/**
 * A transport over a folder that all nodes can write to: each has a mailbox in it, and a datagram is a
 * file there. It is slow, and reaches as far as files do: over a network drive, or a volume that
 * containers share. Must never deliver a file before it is whole, nor fill the mailbox of a node that
 * is gone.
 */
import { randomUUID } from 'node:crypto'
import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import type {
  DatagramMedium,
  DatagramOptions,
  DatagramTransport,
} from '@paxos/adapter-kit/datagrams'
import { lockDirectory } from '@paxos/adapter-kit/files'
import { LockedError, TransportError } from '@paxos/core'
import type { PeerProblem } from '@paxos/core'

/** The largest that the kit makes, for each is a file. */
const MAX_DATAGRAM_BYTES = 65_507

/** Letters that wait in a mailbox before others are lost: 16 MiB of the largest. */
const MAX_WAITING = 256

/** How often it is looked into where nobody says that something came: on drives of other machines. */
const LOOK_AGAIN_MS = 100

/** A transport that is not open yet. Addresses are `file:///folder/mailbox`. */
export function sharedFolder(options?: DatagramOptions): DatagramTransport {
  return datagrams(medium, { maxDatagramBytes: MAX_DATAGRAM_BYTES, ...options })
}

const medium: DatagramMedium = {
  async bind(address, receive) {
    const mailbox = pathOf(address) ?? fail('MALFORMED', `'${address}' is no mailbox.`)
    const lock = await openMailbox(mailbox)
    const timer = setInterval(look, LOOK_AGAIN_MS)
    const sending = new Set<Promise<void>>()
    let reading = Promise.resolve()
    let isDue = false
    let isClosed = false

    /** Reads what is there: after what is being read, and once for all that ask meanwhile. */
    function look(): void {
      if (!isDue) reading = reading.then(read)
      isDue = true
    }

    async function read(): Promise<void> {
      isDue = false
      for (const name of await lettersIn(mailbox)) {
        if (isClosed) return
        const path = join(mailbox, name)
        const letter = await readFile(path).catch(() => null)
        await rm(path, { force: true }).catch(() => {})
        if (letter !== null && !isClosed) receive(letter)
      }
    }

    const watcher = watchIfAllowed(mailbox, look)
    return {
      address,
      route(to) {
        const box = pathOf(to)
        if (box === null) return null
        return {
          send(datagram, done) {
            const put = async (): Promise<void> => done(await post(box, datagram))
            const sent = put()
            sending.add(sent)
            void sent.finally(() => sending.delete(sent))
          },
        }
      },
      async close() {
        isClosed = true
        watcher?.close()
        clearInterval(timer)
        await Promise.all([reading, ...sending])
        await lock.release()
      },
    }
  },
}

/** Makes an empty mailbox, and keeps others out of it. */
async function openMailbox(mailbox: string): Promise<{ release(): Promise<void> }> {
  try {
    await mkdir(mailbox, { recursive: true })
    const lock = await lockDirectory(mailbox)
    // What has come before is of an earlier life.
    for (const name of await lettersIn(mailbox)) await rm(join(mailbox, name), { force: true })
    return lock
  } catch (error) {
    const what = error instanceof LockedError ? 'IN_USE' : 'UNAVAILABLE'
    return fail(what, `${mailbox} cannot be had.`, error)
  }
}

/** Says when something has come; `null` where the system has no more watchers: then it is looked. */
function watchIfAllowed(mailbox: string, look: () => void): FSWatcher | null {
  try {
    const watcher = watch(mailbox, look)
    return watcher.on('error', () => watcher.close())
  } catch {
    return null
  }
}

/** Whole letters; of a mailbox that is not there, none. */
async function lettersIn(mailbox: string): Promise<readonly string[]> {
  const names = await readdir(mailbox).catch(() => [])
  return names.filter((name) => name.endsWith('.letter'))
}

/** Puts a letter into a mailbox. Resolves with what went wrong, or null. */
async function post(mailbox: string, letter: Uint8Array): Promise<PeerProblem | null> {
  const draft = join(mailbox, `${randomUUID()}.draft`)
  try {
    const waiting = await readdir(mailbox)
    if (waiting.length > MAX_WAITING) {
      return { reason: 'no-answer', message: 'Its mailbox is full. Does the peer run?' }
    }
    await writeFile(draft, letter)
    await rename(draft, draft.replace(/draft$/, 'letter'))
    return null
  } catch {
    await rm(draft, { force: true }).catch(() => {})
    return { reason: 'no-answer', message: 'It has no mailbox. Does the peer run?' }
  }
}

/** The folder of a mailbox; `null` for an address that is none. */
function pathOf(address: string): string | null {
  return /^file:\/\/(\/[\w./-]+)$/.exec(address)?.[1] ?? null
}

function fail(
  what: 'MALFORMED' | 'IN_USE' | 'UNAVAILABLE',
  message: string,
  cause?: unknown,
): never {
  const wayOut = 'Give file:///folder/mailbox, which no other node has.'
  throw new TransportError(`ERR_PAXOS_ADDRESS_${what}`, `${message} ${wayOut}`, { cause })
}
