/**
 * The command line of a server. Secrets are named by files: arguments are seen by everybody.
 */
import { Command, Option } from 'commander'
import { parseHttpAddress, parseMember, parseMore, parseWhole } from './arguments.ts'
import type { HttpAddress } from './listen.ts'
import type { Level } from './log.ts'
import { TOKEN_VARIABLE } from './secrets.ts'
import type { SecretPaths } from './secrets.ts'

export interface ServerOptions extends SecretPaths {
  readonly id: string
  readonly cluster: string
  readonly member: Readonly<Record<string, string>>
  readonly durability: string
  readonly http: HttpAddress
  readonly allowHost?: readonly string[]
  readonly log: Level
  readonly heartbeatPeriod?: number
  readonly livenessWindow?: number
  readonly lease: boolean
  readonly trustEmptyDiskAtRiskOfLostWrites: boolean
}

export function serverCommand(): Command {
  return new Command('server')
    .description('Runs one node of a key-value service, until Ctrl-C.')
    .requiredOption('--id <id>', 'which of the members this node is')
    .option(
      '--cluster <name>',
      'which cluster it belongs to; frames of others are dropped',
      'kv-store',
    )
    .requiredOption(
      '--member <id=address>',
      'a node, and where it listens for the others: udp://…, ws://…, wss://…, grpc://…, grpcs://…; ' +
        'repeat it: for this node, and at the first start of a cluster for all; later some others are ' +
        'enough, by which it finds the rest',
      parseMember,
    )
    .requiredOption(
      '--durability <url>',
      'where this node keeps its state: file:./a or sqlite:./a.db',
    )
    .requiredOption('--http <host:port>', 'where it listens for clients', parseHttpAddress)
    .option(
      '--allow-host <name>',
      'a name with a dot under which clients ask for it; repeat it for others',
      parseMore,
    )
    .option('--http-cert <file>', 'a certificate for clients: serves https:')
    .option('--http-key <file>', 'its private key')
    .option('--http-ca <file>', 'authorities of clients: each has to show a certificate')
    .option(
      '--token-file <file>',
      `tokens, one a line: clients have to show one (or in ${TOKEN_VARIABLE})`,
    )
    .option('--tls-cert <file>', 'a certificate for the other nodes, on wss: and grpcs:')
    .option('--tls-key <file>', 'its private key')
    .option('--tls-ca <file>', 'authorities of the other nodes')
    .option(
      '--peer-key <file>',
      'a key for the other nodes, on udp:; repeat it for those that are accepted too',
      parseMore,
    )
    .addOption(
      new Option('--log <level>', 'what it tells on standard error, in lines of JSON')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option(
      '--heartbeat-period <ms>',
      'how often a leader says that it is there (default: 200)',
      parseWhole(1, 60_000),
    )
    .option(
      '--liveness-window <ms>',
      'how long it may be silent (default: 1000)',
      parseWhole(2, 600_000),
    )
    .option(
      '--lease',
      'at the first start of a cluster, on all nodes: leaders have a lease, and reads by it ask nobody, ' +
        'as long as no clock runs wrong by more than 1 %',
      false,
    )
    .option(
      '--trust-empty-disk-at-risk-of-lost-writes',
      'at the first start of a cluster, votes before all others have said that they never voted; if ' +
        'any other disk of this node was ever in use, acknowledged writes may be lost',
      false,
    )
    .showHelpAfterError('Type --help to see what there is.')
    .exitOverride()
}
