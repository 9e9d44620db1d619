/**
 * The one-page Paxos of core as a model: proposers, acceptors and a learner, each a class of its
 * own. An acceptor's host writes its state down before its answer leaves.
 */
import { majority } from '@paxos/core'
import type { NodeId, QuorumSystem, Saved } from '@paxos/core'
import { Acceptor, Learner, Proposer } from '@paxos/core/essential'
import type { AcceptedMessage, AcceptMessage, PrepareMessage, PromiseMessage } from '@paxos/core'
import { ballotText, clusterModel } from './cluster.ts'
import type { Input, Output } from './cluster.ts'
import type { Model } from './explore.ts'
import type { Machine } from './machines.ts'

type EssentialMessage =
  PrepareMessage | PromiseMessage<string> | AcceptMessage<string> | AcceptedMessage<string>

type EssentialMachine = Machine<Input<EssentialMessage>, Output<string, EssentialMessage>>

export interface EssentialOptions {
  /** How many ballots each of the two proposers may begin. */
  readonly ballots: readonly [number, number]
  /** Default: 3. */
  readonly acceptors?: number | undefined
  /** Without one nobody hears what was chosen; agreement is looked at all the same. Default: true. */
  readonly learner?: boolean | undefined
  /** What to explore in the place of core's classes: for showing that mistakes are found. */
  readonly instead?:
    | {
        readonly proposer?: (id: NodeId, quorums: QuorumSystem) => Proposer<string>
        readonly acceptor?: (saved: Saved<string>) => Acceptor<string>
        readonly learner?: (quorums: QuorumSystem) => Learner<string>
        readonly quorums?: QuorumSystem
      }
    | undefined
}

const PROPOSERS = ['p', 'q'] as const
const ACCEPTORS = ['A', 'B', 'C', 'D'] as const
const NOTHING = { send: [], chosen: [] }

/** Two proposers with a value each, three acceptors and a learner. */
export function essentialModel(options: EssentialOptions): Model<object> {
  const { ballots, acceptors: count = 3, learner = true, instead = {} } = options
  const acceptors = ACCEPTORS.slice(0, count)
  const quorums = instead.quorums ?? majority(acceptors)
  const nodes = [...PROPOSERS, ...acceptors, ...(learner ? ['L'] : [])]
  return clusterModel<string, EssentialMessage>({
    name: 'essential',
    configuration: `2 proposers with ${ballots.join(' and ')} ballots, ${count} acceptors, ${learner ? '1 learner' : 'no learner'}`,
    nodes,
    make(id, saved) {
      if (id === 'L') return learning(instead.learner?.(quorums) ?? new Learner(quorums))
      if (id === 'p' || id === 'q') {
        const proposer = instead.proposer?.(id, quorums) ?? new Proposer<string>(id, quorums)
        return proposing(proposer, id === 'p' ? 'x' : 'y', acceptors)
      }
      const acceptor = instead.acceptor?.(saved)
      const { promised, accepted } = saved
      return accepting(acceptor ?? new Acceptor(promised, accepted[0] ?? null), learner)
    },
    mayDo: PROPOSERS.map((node, index) => ({ node, what: 'prepares', times: ballots[index] ?? 0 })),
    crashes: 1,
    mayCrash: acceptors,
    savesAtOnce: true,
    alike: acceptors,
    constants: ['#quorums', '#id'],
    quorum: Math.floor(count / 2) + 1,
    valueOf: (value) => value,
    isValid: (value) => value === 'x' || value === 'y',
    describeMessage: wordsOf,
    promisedBy: (message) => (message.type === 'promise' ? message.ballot : null),
  })
}

function proposing(
  proposer: Proposer<string>,
  value: string,
  acceptors: readonly NodeId[],
): EssentialMachine {
  const toAll = (message: EssentialMessage) => acceptors.map((to) => ({ to, message }))
  return {
    object: proposer,
    feed(input) {
      if (input.type === 'do') return { ...NOTHING, send: toAll(proposer.prepare(value)) }
      if (input.type === 'saved' || input.message.type !== 'promise') return NOTHING
      const accept = proposer.receivePromise(input.from, input.message)
      return accept === null ? NOTHING : { ...NOTHING, send: toAll(accept) }
    },
  }
}

function accepting(acceptor: Acceptor<string>, learner: boolean): EssentialMachine {
  return {
    object: acceptor,
    feed(input) {
      if (input.type !== 'receive') return NOTHING
      const { from, message } = input
      if (message.type === 'prepare') {
        const promise = acceptor.receivePrepare(message)
        if (promise === null) return NOTHING
        const then = [{ to: from, message: promise }]
        return { ...NOTHING, save: { change: { promised: message.ballot }, then } }
      }
      if (message.type !== 'accept') return NOTHING
      const accepted = acceptor.receiveAccept(message)
      if (accepted === null) return NOTHING
      const { ballot, value } = message
      const change = { promised: ballot, accepted: [{ slot: 1, ballot, value }] }
      return { ...NOTHING, save: { change, then: learner ? [{ to: 'L', message: accepted }] : [] } }
    },
  }
}

function learning(learner: Learner<string>): EssentialMachine {
  return {
    object: learner,
    feed(input) {
      if (input.type !== 'receive' || input.message.type !== 'accepted') return NOTHING
      const chosen = learner.receiveAccepted(input.from, input.message)
      return { send: [], chosen: chosen === null ? [] : [[1, chosen.value]] }
    },
  }
}

function wordsOf(message: EssentialMessage): string {
  const ballot = ballotText(message.ballot)
  switch (message.type) {
    case 'prepare':
      return `prepare ${ballot}`
    case 'promise': {
      const { accepted } = message
      const told =
        accepted === null ? '' : `, accepted ${accepted.value} at ${ballotText(accepted.ballot)}`
      return `promise ${ballot}${told}`
    }
    case 'accept':
    case 'accepted':
      return `${message.type} ${message.value} at ${ballot}`
  }
}
