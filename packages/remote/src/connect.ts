/**
 * Connects to a replicated state machine from a process that is no member.
 */
import type { Composition, Json, Part, Parts } from '@paxos/replica'
import { addParts, isComposition } from '@paxos/replica/client'
import type {
  AnswerOf,
  CommandOf,
  ComposedCommand,
  ComposedQuery,
  ComposedResult,
  QueryOf,
  ResultOf,
} from '@paxos/replica/client'
import { codecsOf } from './codecs.ts'
import { connectSettingsOf } from './connect-options.ts'
import type { ConnectOptions } from './connect-options.ts'
import { CONNECT_TIMEOUT_MS } from './limits.ts'
import { RemoteReplica } from './remote-replica.ts'
import { wsDial } from './ws-channel.ts'

/** How to connect to a replica of several state machines: their codecs are theirs. */
export type ComposedConnectOptions<P extends Parts> = Omit<
  ConnectOptions<ComposedCommand<P>, ComposedResult<P>, ComposedQuery<P>, AnswerOf<P[keyof P]>>,
  'stateMachine' | 'commandCodec' | 'resultCodec'
> & { readonly stateMachine: Composition<P> }

/** A replica of a composition that runs elsewhere: each part under its name. */
export type ComposedRemote<P extends Parts> = RemoteReplica<
  ComposedCommand<P>,
  ComposedResult<P>,
  ComposedQuery<P>,
  AnswerOf<P[keyof P]>
> & {
  readonly [Name in keyof P & string]: Part<
    CommandOf<P[Name]>,
    ResultOf<P[Name]>,
    QueryOf<P[Name]>,
    AnswerOf<P[Name]>
  >
}

/**
 * Connects to one of the servers at `addresses`, each as 'ws://10.0.0.1:4711' or
 * 'wss://a.example:4711/paxos', and stays connected to one of them until it is closed. Give all of them:
 * when one is gone another is asked. Resolves when the first has let this client in.
 *
 * Rejects with InvalidArgumentError; with ConnectionError when nobody answers within `timeoutMs`; with
 * UnauthorizedError or ProtocolError when no server takes this client in; with the signal's reason.
 */
export function connect<P extends Parts>(
  addresses: readonly string[],
  options: ComposedConnectOptions<P>,
): Promise<ComposedRemote<P>>
export function connect<Command = Json, Result = Json, Query = never, Answer = never>(
  addresses: readonly string[],
  options?: ConnectOptions<Command, Result, Query, Answer>,
): Promise<RemoteReplica<Command, Result, Query, Answer>>
export async function connect<Command, Result, Query, Answer>(
  addresses: readonly string[],
  options: ConnectOptions<Command, Result, Query, Answer> = {},
): Promise<RemoteReplica<Command, Result, Query, Answer>> {
  const settings = connectSettingsOf(addresses, options)
  const { signal, timeoutMs = CONNECT_TIMEOUT_MS, stateMachine } = options
  const dial = wsDial(settings.token, settings.tls)
  const remote = new RemoteReplica(settings, codecsOf(options), dial)
  await remote.connected(signal, timeoutMs)
  const isComposed = stateMachine !== undefined && isComposition(stateMachine)
  return isComposed ? addParts(remote, Object.keys(stateMachine.parts)) : remote
}
