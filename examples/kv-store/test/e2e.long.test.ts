import { readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { emptyDirectory, expectRefusal, run, start } from './processes.ts'
import type { Ended } from './processes.ts'

/** What the demonstration says at the end. */
function factsOf({ stdout }: Ended): Readonly<Record<string, string>> {
  const facts = stdout.matchAll(/^ {2}(loaded|killed|paused|wiped|replaced|held) +(.+)$/gm)
  return Object.fromEntries([...facts].map(([, name = '', fact = '']) => [name, fact]))
}

const PRAISE = 'All three nodes hold the same, and every acknowledged write.'

describe('the demonstration', () => {
  it('loads everything though its leader is killed, and says what happened', async () => {
    const ended = await run('demo', ['--records', '1000'])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const { loaded, killed, paused, wiped, replaced, held } = factsOf(ended)
    expect(loaded).toMatch(/^1000 records in \d+\.\d s, \d+ writes\/s$/)
    const victim = /^([abc]), which led, with SIGKILL; started again$/.exec(killed ?? '')?.[1]
    const [, pauseMs, leader] = /for (\d+) ms; then ([abc]) led$/.exec(paused ?? '') ?? []
    expect(victim).toBeDefined()
    expect(leader).toBeDefined()
    expect(leader).not.toBe(victim)
    expect(Number(pauseMs)).toBeGreaterThan(0)
    const wipedId = /^the disk of ([abc]), which was started, and refused/.exec(wiped ?? '')?.[1]
    expect(ended.stdout).toContain(`replace the member, with 'client-cli replace ${wipedId} `)
    expect(replaced).toMatch(new RegExp(`^client-cli replace ${wipedId}: it votes again after`))
    expect(held).toMatch(/^1000 keys on each node, SHA-256 [0-9a-f]{16}…$/)
    expect(ended.stdout.trimEnd().endsWith(PRAISE)).toBe(true)
    // What was temporary is gone, and so are the servers.
    const directory = /what they accept is in (\S+)/.exec(ended.stdout)?.[1] ?? ''
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' })
    for (const [url] of ended.stdout.matchAll(/http:\S+/g)) {
      await expect(fetch(url)).rejects.toThrow('fetch failed')
    }
  })

  it.each([
    ['ws', 'file'],
    ['grpc', 'file'],
  ])('runs over %s with %s', async (transport, durability) => {
    const schemes = ['--transport', transport, '--durability', durability]
    const ended = await run('demo', ['--records', '100', ...schemes])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain(PRAISE)
  })

  it('over udp with sqlite: with --directory a second run finds what the first one wrote, and with --keep the servers answer the curl lines that it prints, until Ctrl-C', async () => {
    const args = ['--durability', 'sqlite', '--directory', await emptyDirectory()]
    const first = await run('demo', [...args, '--records', '50'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain(PRAISE)
    const demo = start('demo', [...args, '--keep', '--records', '35'])
    const printed = await demo.printed('/status\n')
    const [get = '', put = '', watch = '', status = ''] = [
      ...printed.matchAll(/curl .*?(http\S+)/g),
    ].map(([, url]) => url)
    // 'U+0041' is the 34th of the characters.
    expect(await (await fetch(get)).text()).toBe('LATIN CAPITAL LETTER A')
    expect((await fetch(put, { method: 'PUT', body: 'hello' })).status).toBe(200)
    expect((await fetch(status)).status).toBe(200)
    const events = await fetch(`${watch}&after=0`)
    expect(events.headers.get('content-type')).toBe('text/event-stream')
    await events.body?.cancel()
    demo.child.kill('SIGINT')
    const second = await demo.ended
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(factsOf(second)).toMatchObject({ held: expect.stringMatching(/^50 keys on each node/) })
  })

  it('Ctrl-C in the middle stops the servers, removes what was temporary, and says so', async () => {
    const demo = start('demo', ['--records', '2000'])
    const printed = await demo.printed('500/2000 loaded')
    demo.child.kill('SIGINT')
    const ended = await demo.ended
    expect(ended.code).toBe(1)
    expect(ended.stderr).toBe('Interrupted. The servers were stopped; run the command again.\n')
    const directory = /what they accept is in (\S+)/.exec(printed)?.[1] ?? ''
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it.each([
    ['an unknown option', ['--frobnicate'], /unknown option '--frobnicate'/],
    ['no records', ['--records', '0'], /Give a whole number from 1 to 4000/],
    ['too many records', ['--records', '4001'], /Give a whole number from 1 to 4000/],
    ['a transport that is none', ['--transport', 'tcp'], /Allowed choices are udp, ws, grpc/],
    ['a memory that would be lost', ['--durability', 'memory'], /Allowed choices are file, sqlite/],
    ['a directory below a file', ['--directory', '/dev/null/x'], /\/dev\/null\/x.*Choose/],
  ])('refuses %s with a sentence', async (_, args, sentence) => {
    expectRefusal(await run('demo', args), sentence)
  })
})
