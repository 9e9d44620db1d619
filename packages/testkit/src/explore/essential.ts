/**
 * The classes of `essential` as a model: proposers, acceptors and a learner, each a node of its own.
 */
import { compareBallots, formatBallot, majority, sameBallot } from '@paxos/core'
import type { Ballot, NodeId, QuorumSystem } from '@paxos/core'
import { Acceptor, Learner, Proposer } from '@paxos/core/essential'
import { counted, textIn } from './model.ts'
import type { Engine, Input, Model, NodeModel, Reaction, Stored } from './model.ts'
import { asMessage, asPlain } from './plain.ts'

/** Makes the objects. A test gives others, to see that the explorer finds what is wrong in them. */
export interface EssentialClasses {
  readonly proposer: (id: NodeId, quorums: QuorumSystem, seen: Ballot | null) => Proposer<string>
  readonly acceptor: (stored: Stored) => Acceptor<string>
  readonly learner: (quorums: QuorumSystem) => Learner<string>
}

export interface EssentialOptions {
  /** Default: 2, with the values x, y, … */
  readonly proposers?: number
  /** How many ballots each proposer may use, or how many each of them. Default: 2. */
  readonly ballots?: number | readonly number[]
  /** Default: 3. */
  readonly acceptors?: number
  /** How often each proposer may stop and start again. Default: 0. */
  readonly proposerRestarts?: number
  /** Whether a proposer wants another value at each attempt: x1, x2, … Default: false. */
  readonly freshValues?: boolean
  readonly quorums?: (acceptors: readonly NodeId[]) => QuorumSystem
  readonly classes?: Partial<EssentialClasses>
}

const CLASSES: EssentialClasses = {
  proposer: (id, quorums, seen) => new Proposer(id, quorums, seen),
  acceptor: ({ promised, accepted }) => {
    const [entry] = accepted
    if (entry === undefined) return new Acceptor(promised)
    return new Acceptor(promised, { ballot: entry.ballot, value: textIn(entry.value) })
  },
  learner: (quorums) => new Learner(quorums),
}

/**
 * Proposers with a value each, acceptors that may crash between any two steps (before what they
 * change is durable, which is as if the message was lost; after it and before they answer; or later),
 * and a learner. The acceptors are interchangeable; the proposers are not, for ballots order by name.
 */
export function essentialModel(options: EssentialOptions = {}): Model {
  const { ballots = 2, proposerRestarts = 0, freshValues = false } = options
  const classes = { ...CLASSES, ...options.classes }
  const proposers = ['p', 'q', 'r', 's'].slice(0, options.proposers ?? 2)
  const acceptors = ['a', 'b', 'c', 'd', 'e'].slice(0, options.acceptors ?? 3)
  const quorums = (options.quorums ?? majority)(acceptors)
  const times = proposers.map((_, index) => {
    return typeof ballots === 'number' ? ballots : (ballots[index] ?? 0)
  })
  const valueOf = (index: number, attempt: number): string => {
    return `${['x', 'y', 'z', 'w'][index] ?? ''}${freshValues ? attempt + 1 : ''}`
  }
  const nodes: NodeModel[] = [
    ...proposers.map((id, index): NodeModel => ({
      id,
      commands: [{ name: 'prepares', times: times[index] ?? 0 }],
      crashes: proposerRestarts,
      saves: 'at once',
      create: ({ promised }) =>
        proposing(classes.proposer(id, quorums, promised), promised, (attempt) =>
          valueOf(index, attempt),
        ),
    })),
    ...acceptors.map((id): NodeModel => ({
      id,
      commands: [],
      crashes: Infinity,
      saves: 'at once',
      create: (stored) => accepting(classes.acceptor(stored)),
    })),
    {
      id: 'learner',
      commands: [],
      crashes: 0,
      saves: 'at once',
      isObserver: true,
      learnsBy: quorums,
      create: () => learning(classes.learner(quorums)),
    },
  ]
  const values = times.flatMap((count, index) => {
    return Array.from({ length: count }, (_, attempt) => valueOf(index, attempt))
  })
  const restarts = proposerRestarts > 0 ? `, ${counted(proposerRestarts, 'restart')} each` : ''
  return {
    name: 'essential',
    description:
      `${counted(proposers.length, 'proposer')} with ${times.join(' and ')} ballots${restarts}, ` +
      `${counted(acceptors.length, 'acceptor')} that crash at will, a learner`,
    options: {
      proposers: proposers.length,
      ballots,
      acceptors: acceptors.length,
      proposerRestarts,
      freshValues,
    },
    nodes,
    quorums,
    values,
    choosable: [...new Set(values)],
    interchangeable: acceptors,
    constants: [quorums],
  }
}

const NOTHING: Reaction = { send: [], save: null, learnt: [] }

/**
 * A proposer makes the ballot durable that it uses, before its Prepare leaves. What it was promised
 * matters to it until it proposes, and not in which order.
 */
function proposing(
  proposer: Proposer<string>,
  seen: Ballot | null,
  valueOf: (attempt: number) => string,
): Engine {
  let used = seen
  /** The promises of the attempt that has not proposed yet. */
  let promises: readonly string[] | null = null
  return {
    subject: proposer,
    likeness: () => JSON.stringify([used, promises]),
    ignores(_from, plain) {
      const message = asMessage<string>(plain)
      if (message.type !== 'promise') return true
      const order = compareBallots(message.ballot, used)
      return order < 0 || (order === 0 && promises === null)
    },
    react(input: Input): Reaction {
      if (input.type === 'command') {
        const message = proposer.prepare(valueOf(input.count))
        used = message.ballot
        promises = []
        const then = [{ to: 'all', message: asPlain(message) }]
        return { ...NOTHING, save: { change: { promised: message.ballot }, then } }
      }
      if (input.type !== 'receive') return NOTHING
      const message = asMessage<string>(input.message)
      if (message.type !== 'promise') return NOTHING
      const accept = proposer.receivePromise(input.from, message)
      if (promises !== null && sameBallot(message.ballot, used)) {
        const told = `${input.from} ${JSON.stringify(message.accepted)}`
        promises = [...new Set([...promises, told])].toSorted()
      }
      if (accept === null) return NOTHING
      promises = null
      return { ...NOTHING, send: [{ to: 'all', message: asPlain(accept) }] }
    },
    view: () => '',
  }
}

/** An acceptor's state is durable before its answer leaves. */
function accepting(acceptor: Acceptor<string>): Engine {
  return {
    subject: acceptor,
    react(input: Input): Reaction {
      if (input.type !== 'receive') return NOTHING
      const message = asMessage<string>(input.message)
      if (message.type === 'prepare') {
        const answer = acceptor.receivePrepare(message)
        if (answer === null) return NOTHING
        const then = [{ to: input.from, message: asPlain(answer) }]
        return { ...NOTHING, save: { change: { promised: message.ballot }, then } }
      }
      if (message.type !== 'accept') return NOTHING
      const answer = acceptor.receiveAccept(message)
      if (answer === null) return NOTHING
      const { ballot, value } = message
      const then = [{ to: 'learner', message: asPlain(answer) }]
      const change = { promised: ballot, accepted: [{ slot: 1, ballot, value }] }
      return { ...NOTHING, save: { change, then } }
    },
    view() {
      const { promised, accepted } = acceptor
      const held = accepted === null ? 'none' : `${formatBallot(accepted.ballot)}:${accepted.value}`
      return `promised ${formatBallot(promised)}, accepted ${held}`
    },
  }
}

function learning(learner: Learner<string>): Engine {
  return {
    subject: learner,
    react(input: Input): Reaction {
      if (input.type !== 'receive') return NOTHING
      const message = asMessage<string>(input.message)
      if (message.type !== 'accepted') return NOTHING
      const chosen = learner.receiveAccepted(input.from, message)
      return chosen === null ? NOTHING : { ...NOTHING, learnt: [{ slot: 1, value: chosen.value }] }
    },
    view: () => (learner.chosen === null ? '' : `chosen ${learner.chosen.value}`),
  }
}
