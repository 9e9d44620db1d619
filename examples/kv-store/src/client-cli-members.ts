/**
 * The commands of an operator: who is in the cluster, and how that is changed. Must never say that a
 * change is made before the cluster has said so.
 */
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { parseMember, parseWhole } from './arguments.ts'
import type { Members } from './api.ts'
import type { Client } from './client.ts'
import { UserError } from './fail.ts'
import { DEFAULT_MEMBERS_TIMEOUT_MS, MAX_MEMBERS_TIMEOUT_MS } from './limits.ts'
import type { MembersRequest } from './member-requests.ts'
import { tellStages } from './members-progress.ts'

/** What the commands are made with: those of the whole program. */
export interface MembersCommands<Shared> {
  readonly command: (usage: string, description: string, timeout?: Option) => Command
  readonly client: (options: Shared) => Promise<Client>
}

interface Changing {
  readonly ifVersion?: number
  readonly learner?: boolean
}

interface Place {
  readonly id: string
  readonly address: string
}

/** Adds them to the program. */
export function membersCommands<Shared>({ command, client }: MembersCommands<Shared>): void {
  command('members', 'prints who is in the cluster: the version, then a member a line')
    .option('--local', 'take what one node knows, which may be old')
    .action(async (options: Shared & { readonly local?: boolean }) => {
      const consistency = options.local === true ? 'local' : 'linearizable'
      print(await (await client(options)).members({ consistency }))
    })

  changing('add', 'takes in a new node, which learns, and then votes')
    .argument('<id=address>', 'where it listens for the others', parsePlace)
    .option('--learner', 'it never votes: it follows, and answers')
    .action(async (place: Place, options: Shared & Changing) => {
      const role = options.learner === true ? 'learner' : 'voter'
      await change(options, { type: 'add', ...place, role })
    })

  changing(
    'remove <id>',
    'takes a node out; it stops by itself when nobody needs it any more',
  ).action(async (id: string, options: Shared & Changing) => {
    await change(options, { type: 'remove', id })
  })

  changing('replace <id>', 'puts a new node in the place of one that is dead, or lost its disk')
    .argument(
      '[new]',
      'id=address of another one (default: the same, with an empty disk)',
      parsePlace,
    )
    .action(async (id: string, place: Place | undefined, options: Shared & Changing) => {
      const by = place ?? { id, address: await addressOf(id, options) }
      await change(options, { type: 'replace', id, by })
    })

  changing('move', 'says where a node listens from now on; it keeps its disk')
    .argument('<id=address>', 'its new address', parsePlace)
    .action(async (place: Place, options: Shared & Changing) => {
      await change(options, { type: 'move', ...place })
    })

  changing('promote <id>', 'lets a learner vote, once it has caught up').action(
    async (id: string, options: Shared & Changing) => {
      await change(options, { type: 'promote', id })
    },
  )

  changing('prioritize <id>', 'says who should lead: the voters of the highest priority')
    .argument('<priority>', 'from 0, which all have at first, to 1000', parseWhole(0, 1000))
    .action(async (id: string, priority: number, options: Shared & Changing) => {
      await change(options, { type: 'prioritize', id, priority })
    })

  command('transfer [id]', 'lets another node lead, of your choice or of the cluster').action(
    async (id: string | undefined, options: Shared) => {
      const leader = await (await client(options)).transferLeadership(id)
      process.stdout.write(`${JSON.stringify({ leader })}\n`)
    },
  )

  function changing(usage: string, description: string): Command {
    const timeout = new Option('--timeout <ms>', 'how long to wait until it is complete')
      .argParser(parseWhole(1, MAX_MEMBERS_TIMEOUT_MS))
      .default(DEFAULT_MEMBERS_TIMEOUT_MS)
    return command(usage, description, timeout).option(
      '--if-version <version>',
      'only in place of the members of this version, as members prints it',
      parseWhole(0, Number.MAX_SAFE_INTEGER),
    )
  }

  async function addressOf(id: string, options: Shared): Promise<string> {
    const { members } = await (await client(options)).members()
    const address = members.find((member) => member.id === id)?.address
    if (address !== undefined) return address
    const ids = members.map((member) => `'${member.id}'`).join(', ')
    throw new UserError(`'${id}' is no member. Name one of ${ids}.`)
  }

  async function change(options: Shared & Changing, request: MembersRequest): Promise<void> {
    const { ifVersion: expected } = options
    const asking = await client(options)
    const over = new AbortController()
    const told = tellStages(asking, request, say, over.signal)
    try {
      print(await asking.changeMembers(request, expected === undefined ? {} : { expected }))
    } finally {
      over.abort()
      await told
    }
  }
}

function parsePlace(typed: string): Place {
  for (const [id, address] of Object.entries(parseMember(typed))) {
    if (id !== '' && address !== '') return { id, address }
  }
  throw new InvalidArgumentError('Write id=address, as in d=udp://127.0.0.1:7004.')
}

/** To whoever sits there: what a program reads is on standard output. */
function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}

function print({ members, ...rest }: Members): void {
  const lines = [rest, ...members].map((line) => `${JSON.stringify(line)}\n`)
  process.stdout.write(lines.join(''))
}
