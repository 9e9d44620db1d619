#!/usr/bin/env node
/**
 * One node of the service in one process: a replica, and HTTP in front of it. On SIGINT or SIGTERM
 * it accepts nobody any more, answers those whose requests are running, and leaves the cluster.
 */
import { LostDiskError, RemovedError } from '@paxos/replica'
import { runCommand, UserError } from './fail.ts'
import { Feed } from './feed.ts'
import { FileVersions } from './file-versions.ts'
import { service } from './http.ts'
import { EXIT_WITHIN_MS, FINISH_WITHIN_MS } from './limits.ts'
import { listen } from './listen.ts'
import type { HttpFigures, HttpServer } from './listen.ts'
import { jsonLog } from './log.ts'
import { ServiceMetrics } from './metrics.ts'
import { openReplica } from './open-replica.ts'
import { reloading } from './reload.ts'
import { loadHttpSecrets, loadPeerSecrets } from './secrets.ts'
import { serverCommand } from './server-options.ts'
import type { ServerOptions } from './server-options.ts'
import { Store } from './store.ts'

const command = serverCommand()

await runCommand(async () => {
  await command.parseAsync()
  const leave = asked()
  try {
    return await serve(command.opts<ServerOptions>(), leave)
  } finally {
    // The channel to a parent would keep this process alive.
    if (process.connected) process.disconnect()
    // And so does the look-up of a name that no name server answers, which cannot be cancelled.
    setTimeout(() => process.exit(), EXIT_WITHIN_MS).unref()
  }
})

async function serve(options: ServerOptions, leave: Promise<string>): Promise<number> {
  const { id, cluster, member: members, durability } = options
  const log = jsonLog(id, options.log)
  const feed = new Feed()
  const metrics = new ServiceMetrics()
  const host = options.allowHost?.[0]
  const { httpCert, httpKey, httpCa, tokenFile, tlsCert, tlsKey, tlsCa, peerKey = [] } = options
  const filesForClients = await FileVersions.now([httpCert, httpKey, httpCa, tokenFile])
  const filesForPeers = await FileVersions.now([tlsCert, tlsKey, tlsCa, ...peerKey])
  const forClients = await loadHttpSecrets(options, host, process.env)
  const forPeers = await loadPeerSecrets(options, id, members[id] ?? '')
  const replica = await openReplica({
    cluster,
    id,
    members,
    durability,
    secrets: forPeers.secrets,
    heartbeatPeriodMs: options.heartbeatPeriod,
    livenessWindowMs: options.livenessWindow,
    lease: options.lease ? {} : undefined,
    trustEmptyDisk: options.trustEmptyDiskAtRiskOfLostWrites,
    store: new Store(feed),
    metrics,
    log,
  })
  let stopReloading: (() => void) | null = null
  try {
    const onFailure = (error: unknown): void => log.error('a request failed', { error })
    let http: HttpServer | null = null
    const httpFigures = (): HttpFigures | null => http?.figures() ?? null
    const answers = service({ replica, feed, metrics, onFailure, httpFigures })
    http = await listen(options.http, answers, {
      tls: forClients.tls,
      tokens: forClients.tokens,
      allowedHosts: options.allowHost,
    })
    const running = http
    stopReloading = reloading({
      all: [
        {
          of: 'clients',
          files: filesForClients,
          async load() {
            const { tls, tokens, complaints } = await loadHttpSecrets(options, host, process.env)
            if (tls !== undefined) running.replaceTls(tls)
            if (tokens !== undefined) running.replaceTokens(tokens)
            return complaints
          },
          complaints: forClients.complaints,
        },
        {
          of: 'members',
          files: filesForPeers,
          async load() {
            const { secrets, complaints } = await loadPeerSecrets(options, id, members[id] ?? '')
            if (secrets !== null) replica.renew(secrets)
            return complaints
          },
          complaints: forPeers.complaints,
        },
      ],
      log,
    })
    if (forClients.tokens !== undefined && forClients.tls === undefined) {
      log.warn('tokens travel in the clear: give --http-cert, or put a proxy with TLS in front')
    }
    process.stdout.write(`Node ${id} serves ${http.url} and talks on ${members[id]}\n`)

    const ended = await Promise.race([leave, replica.stopped])
    log.info('leaving', { why: ended })
    feed.close()
    await http.close(FINISH_WITHIN_MS)
    if (ended instanceof RemovedError) {
      // Somebody has asked for it: no supervisor is to start it again.
      process.stdout.write(`${ended.message}\n`)
      return 0
    }
    if (ended instanceof LostDiskError) throw lostDisk(id)
    if (ended instanceof Error) throw new UserError(`The node had to stop: ${ended.message}`)
    return 0
  } finally {
    stopReloading?.()
    await replica.close()
  }
}

/** As the replica says it, with the command of this example. */
function lostDisk(id: string): UserError {
  return new UserError(
    `The cluster knows node ${id} with another disk, and what that one promised is not on this one, so ` +
      'this one must not vote. If the other disk is lost, replace the member, with ' +
      `'client-cli replace ${id} --node <another node>', and start this one again.`,
  )
}

/** Resolves with the reason when this process is to end. */
function asked(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => resolve(signal))
    // It asks for files to be read again, and must not end a node that starts or leaves.
    process.on('SIGHUP', () => undefined)
    process.on('disconnect', () => resolve('whoever started it has gone'))
    // The parent may have gone before anybody listened.
    if (process.send !== undefined && !process.connected) resolve('whoever started it has gone')
    // Nobody reads what it says.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => resolve('deaf'))
  })
}
