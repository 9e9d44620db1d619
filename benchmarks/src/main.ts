#!/usr/bin/env node
/**
 * The benchmarks: three processes on this machine with real disks, and callers in the process that
 * leads. Never part of the tests: what they print depends on the machine and on what else it does.
 */
import { tmpdir } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { codec } from './codec.ts'
import { engine } from './engine.ts'
import { failover } from './failover.ts'
import { closeOnInterrupt, isInterrupted } from './interrupt.ts'
import { leaving } from './leaving.ts'
import { lateJoiner } from './late-joiner.ts'
import { memory } from './memory.ts'
import { COMMAND_BYTES } from './pipeline.ts'
import { reads } from './reads.ts'
import { others } from './others.ts'
import { recovery } from './recovery.ts'
import { stages } from './stages.ts'
import { throughput } from './throughput.ts'

const DEFAULT_CALLERS: readonly number[] = [1, 64, 256]
const THROUGHPUT_CALLERS: readonly number[] = [1, 64, 256, 1024]
const STAGES_CALLERS: readonly number[] = [1, 64]
const DEFAULT_BYTES: readonly number[] = [COMMAND_BYTES]

const program = new Command('bench')
  .description('Measures three processes on this machine.')
  .showHelpAfterError('Type --help to see what there is.')

const directory = [
  '--directory <path>',
  'where the files are written: the disk that is measured',
  tmpdir(),
] as const
const transport = ['--transport <schemes...>', 'udp, ws or grpc'] as const
const rounds = [
  '--rounds <count>',
  'how often each row is measured, in turn with the others',
  toCount,
  3,
] as const
const json = ['--json <file>', 'writes all that was measured, as JSON'] as const
const markdown = ['--markdown <file>', 'writes the table for a document'] as const
const svg = ['--svg <file>', 'writes a picture of it, as SVG'] as const

program
  .command('throughput', { isDefault: true })
  .description('committed commands a second and what each costs, beside a bare pipeline')
  .option(...transport, ['udp', 'ws', 'grpc'])
  .option('--durability <adapters...>', 'file or sqlite', ['file'])
  .option(
    '--callers <counts...>',
    'how many callers at once',
    toCounts(THROUGHPUT_CALLERS),
    THROUGHPUT_CALLERS,
  )
  .option('--bytes <sizes...>', 'how large a command is', toCounts(DEFAULT_BYTES), DEFAULT_BYTES)
  .option(...rounds)
  .option('--seconds <seconds>', 'how long each row is measured in a round', toNumber, 5)
  .option('--beside <checkouts...>', 'other checkouts with this benchmark, built, to compare with')
  .option(...directory)
  .option(...json)
  .option(...markdown)
  .option(...svg)
  .addHelpText(
    'after',
    `
Each row shows the median of its rounds, and below it the lowest and the highest.
  of bare      the rate beside that of the bare pipeline in the same round
  CPU µs       of all three processes, for each command; then of the leader alone
  wire B       all frames of the three processes, for each command
  disk B       what the leader writes, for each command; of SQLite, in whole pages
  syncs        of the leader, for each command; nobody can count those of SQLite
  peak MB      the largest of the three processes, resident
  loop p99 ms  how late the event loop of the leader is, 99 times of 100`,
  )
  .action(throughput)

program
  .command('reads')
  .description('reads a second, and how long each takes, by consistency; leaders have a lease')
  .option(...transport, ['udp'])
  .option(
    '--callers <counts...>',
    'how many callers at once in each process',
    toCounts(DEFAULT_CALLERS),
    DEFAULT_CALLERS,
  )
  .option('--seconds <seconds>', 'how long each row is measured', toNumber, 3)
  .option(...directory)
  .addHelpText(
    'after',
    `
The callers of Replica are in the processes of its nodes. Beside them: the store of this repository
and, if it is on the PATH, etcd, asked by a client in a process of its own.`,
  )
  .action(reads)

program
  .command('stages')
  .description('where the time of a command goes, at the leader and at a follower')
  .option(...transport, ['udp', 'ws', 'grpc'])
  .option('--durability <adapters...>', 'file or sqlite', ['file'])
  .option(
    '--callers <counts...>',
    'how many callers at once',
    toCounts(STAGES_CALLERS),
    STAGES_CALLERS,
  )
  .option('--bytes <sizes...>', 'how large a command is', toCounts(DEFAULT_BYTES), DEFAULT_BYTES)
  .option('--rounds <count>', 'how often each is measured', toCount, 3)
  .option('--seconds <seconds>', 'for how long in a round', toNumber, 5)
  .option(...directory)
  .option(...json)
  .option(...markdown)
  .option(...svg)
  .addHelpText(
    'after',
    `
Each row is the processor's time and the bytes of one command. The main thread of each process is
profiled, and what Node does is charged to the part that asked for it. What that leaves is 'host'
(what drives the engine), 'callers' (this benchmark), 'garbage' (its collection on the main thread),
'system calls' (and other native code) and 'event loop' (Node's own). 'other threads' write to disks,
and compile and collect beside the main thread.`,
  )
  .action(stages)

program
  .command('engine')
  .description('three engines that pass messages by reference: no codec, no network, no disk')
  .option(...rounds)
  .option('--seconds <seconds>', 'how long each row is measured in a round', toNumber, 2)
  .option(...json)
  .option(...markdown)
  .option(...svg)
  .action(engine)

program
  .command('codec')
  .description('encoding and decoding an Accept of 32 values, beside protobufjs')
  .option(...rounds)
  .option('--seconds <seconds>', 'how long each row is measured in a round', toNumber, 2)
  .option(...json)
  .option(...markdown)
  .option(...svg)
  .action(codec)

program
  .command('failover')
  .description('how long nobody leads after the leader was killed')
  .option(...transport, ['udp'])
  .option('--kills <count>', 'how often', toNumber, 20)
  .option(...directory)
  .action(failover)

program
  .command('leaving')
  .description('a new cluster: its first write, and what happens when its leader is asked to end')
  .option(transport[0], 'memory (in one process), udp, ws or grpc', ['memory', 'udp', 'ws', 'grpc'])
  .option('--runs <count>', 'how many clusters over each', toCount, 5)
  .option(...directory)
  .addHelpText(
    'after',
    `
Each cluster has three nodes that write one command after another, to files.
  first write      from when two of the three are open
  without a write  the longest that a node which stays waits while the leader leaves
  gone after       from SIGTERM, or close() in one process, to the end of the leader
Each is the median of the clusters, with the lowest and the highest.`,
  )
  .action(leaving)

program
  .command('late-joiner')
  .description('a member that starts late and gets a large snapshot while the others go on')
  .option(...transport, ['udp', 'ws', 'grpc'])
  .option('--megabytes <size>', 'the size of the snapshot', toNumber, 100)
  .option(...directory)
  .action(lateJoiner)

program
  .command('others')
  .description(
    'writes a second of this library beside etcd, antietcd and Redis, where they are installed',
  )
  .option(
    '--callers <counts...>',
    'how many callers at once',
    toCounts(DEFAULT_CALLERS),
    DEFAULT_CALLERS,
  )
  .option('--bytes <size>', 'how large a value is', toCount, COMMAND_BYTES)
  .option(...rounds)
  .option('--seconds <seconds>', 'how long each row is measured in a round', toNumber, 5)
  .option(...directory)
  .option(...json)
  .option(...markdown)
  .option(...svg)
  .addHelpText(
    'after',
    `
etcd, antietcd and redis-server are taken from the PATH. The stores are asked by a client in a
process of its own, which speaks with one node of each: of etcd by gRPC, of Redis on one connection,
of antietcd by HTTP, of the store of this repository by its own client over WebSocket and file.
'embedded' has the callers in the process of the node that leads.`,
  )
  .action(others)

program
  .command('recovery')
  .description('a node that comes back to a long log, and one that gets a snapshot from another')
  .option('--megabytes <size>', 'the size of the log', toNumber, 256)
  .option('--bytes <size>', 'how large a command in it is', toCount, 4096)
  .option('--snapshot <megabytes>', 'the size of the snapshot', toNumber, 100)
  .option(...transport, ['ws'])
  .option('--rounds <count>', 'how often all of it is done', toCount, 1)
  .option(...directory)
  .option(...json)
  .option(...markdown)
  .option(...svg)
  .action(recovery)

program
  .command('memory')
  .description('how much memory a node takes that commits for a long time')
  .option('--commands <count>', 'how many it commits', toNumber, 2_000_000)
  .option(...directory)
  .action(memory)

closeOnInterrupt()
try {
  await program.parseAsync()
} catch (error) {
  if (!isInterrupted()) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  }
  process.exitCode = 1
}

function toNumber(text: string): number {
  const number = Number(text)
  if (number > 0 && Number.isFinite(number)) return number
  throw new InvalidArgumentError('Give a number above 0.')
}

function toCount(text: string): number {
  const count = toNumber(text)
  if (Number.isSafeInteger(count)) return count
  throw new InvalidArgumentError('Give a whole number above 0.')
}

function toCounts(defaults: readonly number[]) {
  return (text: string, before: readonly number[] | undefined): number[] => {
    // commander passes the default as what came before the first.
    const isDefault = before === undefined || before === defaults
    return [...(isDefault ? [] : before), toCount(text)]
  }
}
