/**
 * A transport over BroadcastChannel: several nodes in the pages and workers of one browser, or in the
 * threads of one process. On a bus, which all of them hear, is said 'claim ADDRESS ID', answered by
 * 'taken ADDRESS ID', and 'open ADDRESS SESSION'; what goes between two has a channel of its own, so
 * that no other keeps what it has no use for.
 */
import { links } from '@paxos/adapter-kit/links'
import type { LinkMedium, LinkOptions, LinkTransport } from '@paxos/adapter-kit/links'
import { TransportError } from '@paxos/core'
import { session } from './session.ts'

/** How often it is asked whether an address is taken, and the milliseconds for each answer. */
const CLAIMS = 5
const CLAIM_MS = 10

/** A transport that is not open yet. Addresses are `broadcast://bus/name`. */
export function broadcast(options?: LinkOptions): LinkTransport {
  let bus: BroadcastChannel | null = null
  let busName: string | null = null

  const medium: LinkMedium = {
    addressHint: 'Write broadcast://bus/name, with the bus of this node.',
    async listen(address, { accept }) {
      busName = busOf(address)
      if (busName === null) throw refusal('MALFORMED', `'${address}' is none.`)
      const own = new BroadcastChannel(busName)
      const self = crypto.randomUUID()
      const claim = { isTaken: false, isOver: false }
      own.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        const [type, to, id = ''] = typeof data === 'string' ? data.split(' ') : []
        if (to !== address) return
        if (type === 'open' && claim.isOver) {
          accept({ open: (events) => session(`${busName}/${id}`, false, events) })
        }
        if (type === 'taken' && id === self) claim.isTaken = true
        // Of two that claim it at once, it is for the one with the smaller id.
        const isOurs = claim.isOver || (!claim.isTaken && self < id)
        if (type === 'claim' && isOurs) own.postMessage(`taken ${address} ${id}`)
      })
      for (let claims = 0; claims < CLAIMS && !claim.isTaken; claims += 1) {
        own.postMessage(`claim ${address} ${self}`)
        await new Promise((resolve) => setTimeout(resolve, CLAIM_MS))
      }
      if (claim.isTaken) {
        own.close()
        throw refusal('IN_USE', `'${address}' is taken.`)
      }
      claim.isOver = true
      bus = own
      return { address, close: async () => own.close() }
    },
    dial(address) {
      if (busOf(address) !== busName) return null
      return (events) => {
        const id = crypto.randomUUID()
        const channel = session(`${busName}/${id}`, true, events)
        bus?.postMessage(`open ${address} ${id}`)
        return channel
      }
    },
  }
  return links(medium, options)
}

/** The bus of an address; `null` when it is malformed. */
function busOf(address: string): string | null {
  return /^(broadcast:\/\/[\w.-]+)\/[\w.-]+$/.exec(address)?.[1] ?? null
}

function refusal(what: 'MALFORMED' | 'IN_USE', message: string): TransportError {
  return new TransportError(`ERR_PAXOS_ADDRESS_${what}`, `${message} Write broadcast://bus/name.`)
}
