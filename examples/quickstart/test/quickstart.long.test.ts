import { fork } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FIRST_SLOT } from '@paxos/core'
import { file } from '@paxos/durability-file'
import { DURABILITIES, TRANSPORTS } from '../src/adapters.ts'
import { freePorts } from '../src/ports.ts'
import { emptyDirectory, run, start } from './processes.ts'
import { agreement, expectRefusal, lines } from './reading.ts'

describe('the main job', () => {
  it.each([[''], ['naïve ☕ 😀'], ["-not an 'option'"]])(
    'the value that was typed, %j, is the one that is chosen, and the timeline shows how',
    async (value) => {
      const ended = await run('main', ['--', value])
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(agreement(ended)).toBe(JSON.stringify(value))
      for (const word of ['prepare', 'promise', 'accept ', 'accepted', 'chosen']) {
        expect(lines(ended, new RegExp(`  ${word}`)).length).toBeGreaterThan(0)
      }
    },
  )

  it('five nodes agree while a fifth of all messages is lost', async () => {
    const ended = await run('main', ['--nodes', '5', '--loss', '0.2', 'x', 'y', 'z'])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('All 5 nodes agree on')
  })

  it("'-' reads a value of many datagrams from standard input", async () => {
    const ended = await run('main', ['-'], { input: `${'x'.repeat(300_000)}\n` })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(agreement(ended)).toContain('(300000 characters)')
  })

  it('leaves with 1 and says so when the nodes disagree', async () => {
    // No run of Paxos leads there: each node finds another chosen value on its disk.
    const directory = await emptyDirectory()
    for (const id of ['a', 'b', 'c']) {
      const disk = file(join(directory, id))
      await disk.open()
      const ballot = { round: 1, node: id }
      const value = new TextEncoder().encode(JSON.stringify(`chosen by ${id}`))
      const accepted = [{ slot: FIRST_SLOT, ballot, value }]
      await disk.save({ promised: ballot, accepted, chosenThrough: FIRST_SLOT })
      await disk.close()
    }
    const ended = await run('main', ['--directory', directory])
    expect(ended.code).toBe(1)
    expect(ended.stdout).toMatch(/The nodes disagree: .*chosen by/)
  })

  it('stops in the same way when nobody reads its output any more', async () => {
    const started = start('main', ['--loss', '0.9'])
    const intro = await started.printed('its disk is empty')
    started.child.stdout?.destroy()
    const ended = await started.ended
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/^Interrupted\..*\n$/)
    await expect(readdir(/kept in (.*)/.exec(intro)?.[1] ?? '')).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })
})

describe('every transport with every durability adapter', () => {
  /** Of these both are tried together below. */
  const [REMEMBERED, KEPT] = [
    ['ws', 'grpc'],
    ['file', 'sqlite'],
  ] as const
  const isBelow = (transport: string, durability: string): boolean =>
    [...REMEMBERED].some((one) => one === transport) && [...KEPT].some((one) => one === durability)
  const combinations = TRANSPORTS.flatMap((transport) =>
    DURABILITIES.map((durability) => [transport, durability] as const),
  ).filter((both) => !isBelow(...both))

  it.each(combinations)('%s with %s: three nodes agree though one dies', async (...schemes) => {
    const [transport, durability] = schemes
    const ended = await run('main', ['--transport', transport, '--durability', durability])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(['"apples"', '"bananas"', '"cherries"']).toContain(agreement(ended))
    // A node whose promises died with it must not come back.
    const nodes = durability === 'memory' ? 2 : 3
    expect(ended.stdout).toContain(`All ${nodes} nodes agree`)
    const manner = transport === 'memory' ? 'without a word' : 'with SIGKILL'
    expect(lines(ended, /killed/).join()).toContain(`killed    ${manner}`)
    expect(ended.stdout.includes('starts; on its disk: promised')).toBe(durability !== 'memory')
  })

  it.each(KEPT)('%s remembers what another transport chose', async (durability) => {
    const kept = ['--durability', durability, '--directory', await emptyDirectory()]
    for (const [index, transport] of REMEMBERED.entries()) {
      const ended = await run('main', [...kept, '--transport', transport, `typed in run ${index}`])
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      // Whatever the second proposes.
      expect(agreement(ended)).toBe('"typed in run 0"')
      expect(ended.stdout).toContain('All 3 nodes agree')
      expect(ended.stdout.includes('earlier run')).toBe(index > 0)
    }
  })
})

describe('what it prints', () => {
  /** The one that prints is the same, whatever the nodes are. */
  const IN_ONE_PROCESS = ['--transport', 'memory', '--durability', 'memory']
  const escape = String.fromCharCode(27)

  it.each([
    ['a pipe', {}, false],
    ['a pipe where CI is set', { CI: 'true' }, false],
    ['FORCE_COLOR', { FORCE_COLOR: '1' }, true],
    ['NO_COLOR beside FORCE_COLOR', { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    ['an empty NO_COLOR, which is none', { FORCE_COLOR: '1', NO_COLOR: '' }, true],
  ])('%s: colours are as wanted', async (_, env, coloured) => {
    const { stdout } = await run('main', IN_ONE_PROCESS, { env })
    expect(stdout.includes(escape)).toBe(coloured)
  })

  it.each(['main', 'node'] as const)(
    '%s --help explains every option and leaves with 0',
    async (command) => {
      const { code, stdout, stderr } = await run(command, ['--help'])
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toContain('Usage:')
      const options =
        command === 'main'
          ? ['--transport', '--durability', '--nodes', '--loss', '--directory', '--port']
          : ['--member', '--durability']
      for (const option of options) expect(stdout).toContain(option)
    },
  )
})

describe('bad input: one clear sentence, a non-zero exit, no stack trace', () => {
  it.each([
    ['an unknown option', ['--frobnicate'], /unknown option '--frobnicate'/],
    ['too few nodes', ['--nodes', '2'], /Give a whole number from 3 to 9/],
    ['half a node', ['--nodes', '3.5'], /Give a whole number from 3 to 9/],
    ['a loss of everything', ['--loss', '1'], /Give a number from 0 to 0.9/],
    ['no loss at all', ['--loss', ''], /Give a number from 0 to 0.9/],
    ['a privileged port', ['--port', '80'], /Give a whole number from 1024 to 65000/],
    [
      'a transport that is none',
      ['--transport', 'tcp'],
      /Allowed choices are memory, udp, ws, grpc/,
    ],
    ['a port for memory', ['--transport', 'memory', '--port', '7000'], /Leave out --port/],
    [
      'a directory for memory',
      ['--durability', 'memory', '--directory', 'x'],
      /Leave out --directory/,
    ],
    ['more values than nodes', ['1', '2', '3', '4'], /4 values are too many for 3 nodes/],
  ])('%s', async (_, args, sentence) => {
    const ended = await run('main', args)
    expectRefusal(ended, sentence)
    expect(ended.stdout).toBe('')
  })

  it('a value too large for a frame', async () => {
    const ended = await run('main', ['-'], { input: 'x'.repeat(1_100_000) })
    expectRefusal(ended, /takes 1100002 bytes, and \d+ fit into a frame\. Store it elsewhere/)
  })

  it('an address in use', async () => {
    const holder = createSocket('udp4')
    holder.bind(0, '127.0.0.1')
    await once(holder, 'listening')
    onTestFinished(() => {
      holder.close()
    })
    const { port } = holder.address()
    const members = ['--member', `a=udp://127.0.0.1:${port}`]
    const directory = await emptyDirectory()
    const ended = await run('node', ['--id', 'a', ...members, '--durability', `file:${directory}`])
    expectRefusal(ended, new RegExp(`udp://127.0.0.1:${port}.*taken`))
    // The lock is gone with the failure: the directory can be opened.
    const disk = file(directory)
    await disk.open()
    await disk.close()
  })

  it.each([
    ['a directory that is a file', '/etc/hostname', /a file is in the way/],
    ['a directory below a file', '/dev/null/x', /a file is in the way/],
    ['a directory that cannot be made', '/proc/paxos', /cannot be made/],
  ])('%s', async (_, directory, sentence) => {
    const ended = await run('main', ['--directory', directory])
    expectRefusal(ended, sentence)
  })

  it('a corrupted directory, which is left as it is', async () => {
    const directory = await emptyDirectory()
    await run('main', ['--directory', directory, 'precious'])
    const log = join(directory, 'a', 'log')
    const bytes = await readFile(log)
    const at = bytes.indexOf('precious')
    expect(at).toBeGreaterThan(0)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(log, bytes)
    const ended = await run('main', ['--directory', directory])
    expectRefusal(ended, /^Node a: .*(damaged|corrupt)/i)
    expect(await readFile(log)).toEqual(bytes)
  })

  it('an id that is not among the members', async () => {
    const directory = join(await emptyDirectory(), 'x')
    const args = [
      '--id',
      'x',
      '--member',
      'a=udp://127.0.0.1:7000',
      '--durability',
      `file:${directory}`,
    ]
    expectRefusal(await run('node', args), /"x" is not among the members "a"/)
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('a member without an address, or with one of another kind', async () => {
    const disk = ['--durability', `file:${await emptyDirectory()}`]
    const without = await run('node', ['--id', 'a', '--member', 'a', ...disk])
    expectRefusal(without, /Write id=address/)
    const other = await run('node', ['--id', 'a', '--member', 'a=http://x:1', ...disk])
    expectRefusal(other, /No transport is known for 'http:\/\/x:1'/)
    const mistyped = await run('node', ['--id', 'a', '--member', 'a=udp://x', ...disk])
    expectRefusal(mistyped, /'udp:\/\/x' is no UDP address/)
  })

  it('two nodes on one directory', async () => {
    const directory = await emptyDirectory()
    const [port = 0] = await freePorts(1, 'udp')
    const member = `a=udp://127.0.0.1:${port}`
    const args = ['--id', 'a', '--member', member, '--durability', `file:${directory}`]
    const first = start('node', args)
    await first.printed('its disk is empty')
    expectRefusal(await run('node', args), /is held by/)
    first.child.kill('SIGINT')
    expect((await first.ended).code).toBe(0)
  })
})

describe('nodes started by hand', () => {
  it('a node whose parent has gone while it was starting ends by itself', async () => {
    const members = ['--member', 'a=udp://127.0.0.1:0', '--member', 'b=udp://127.0.0.1:1']
    const args = ['--id', 'a', ...members, '--durability', `file:${await emptyDirectory()}`]
    const path = fileURLToPath(new URL('../dist/node.js', import.meta.url))
    const child = fork(path, args, { execArgv: [] })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    child.disconnect()
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
