/** A medium of another shape: ports of messages, which join a node to each of the others. */
import { MessageChannel } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { describe, it } from 'vitest'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import type { DatagramMedium } from '@paxos/adapter-kit/datagrams'
import { TransportError } from '@paxos/core'
import { transportConformance } from '@paxos/testkit'

/** One who listens: whoever wants to send is given a port of his own. */
type Connect = () => MessagePort

/** The nodes of one network, each at `port:NAME`. */
function portsOf(): DatagramMedium {
  const listening = new Map<string, Connect>()
  let free = 0
  return {
    async bind(listen, receive) {
      if (!/^port:./.test(listen)) {
        throw new TransportError('ERR_PAXOS_ADDRESS_MALFORMED', `'${listen}' is no port:NAME.`)
      }
      const address = listen === 'port:*' ? `port:${(free += 1)}` : listen
      if (listening.has(address)) {
        throw new TransportError('ERR_PAXOS_ADDRESS_IN_USE', `'${address}' is taken.`)
      }
      const ports = new Set<MessagePort>()
      listening.set(address, () => {
        const { port1, port2 } = new MessageChannel()
        port1.on('message', (message: unknown) => {
          if (message instanceof Uint8Array && listening.has(address)) receive(message)
        })
        port1.unref()
        ports.add(port1)
        return port2
      })
      return {
        address,
        route(to) {
          if (!/^port:[^*]/.test(to)) return null
          let connected: Connect | undefined
          let port: MessagePort | undefined
          return {
            send(datagram, done) {
              const connect = listening.get(to)
              if (connect !== connected) {
                port?.close()
                port = connect?.()
                connected = connect
              }
              port?.postMessage(new Uint8Array(datagram))
              done(null)
            },
            drop: () => port?.close(),
          }
        },
        async close() {
          listening.delete(address)
          for (const port of ports) port.close()
        },
      }
    },
  }
}

describe('datagrams between the ports of one process', () => {
  const addresses = {
    listen: () => 'port:*',
    deserted: 'port:nobody',
    malformed: ['', 'port:', 'a'],
  }
  transportConformance(
    () => {
      const medium = portsOf()
      return { transport: () => datagrams(medium), ...addresses }
    },
    { describe, it },
  )
})
