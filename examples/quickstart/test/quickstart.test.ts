import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePorts } from '../src/ports.ts'
import { emptyDirectory, run, start } from './processes.ts'
import { agreement, expectRefusal, lines } from './reading.ts'

describe('the main job', () => {
  it('three processes with three proposals agree, one dies on the way, and it remembers', async () => {
    const ended = await run('main', [])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(['"apples"', '"bananas"', '"cherries"']).toContain(agreement(ended))

    const story = lines(ended, /killed|chosen {4}"|on its disk/)
    const killed = story.findIndex((line) => line.includes('killed    with SIGKILL'))
    const id = / ms {2}(\w)/.exec(story[killed] ?? '')?.[1]
    // Nobody knows before the death; two decide after it; the third comes back with its promise
    // and its acceptance, and learns the same.
    expect(story.slice(0, killed)).toEqual([])
    const after = story.slice(killed + 1).map((line) => line.replace(/^ *\d+ ms {2}/, ''))
    const value = agreement(ended)
    const others = ['a', 'b', 'c'].filter((other) => other !== id)
    const decided = others.map((other) => `${other}  chosen    ${value}`)
    expect(after.slice(0, 2).toSorted()).toEqual(decided)
    const back = new RegExp(`^${id} {2}starts; on its disk: promised \\S+, accepted ${value}$`)
    expect(after[2]).toMatch(back)
    expect(after).toContain(`${id}  chosen    ${value}`)
  })

  it('Ctrl-C stops every node, removes what was temporary, and says so', async () => {
    const started = start('main', ['--loss', '0.9'])
    const intro = await started.printed('its disk is empty')
    const directory = /kept in (.*)/.exec(intro)?.[1] ?? ''
    started.child.kill('SIGINT')
    const ended = await started.ended
    expect(ended.code).toBe(1)
    expect(ended.stderr).toBe('Interrupted. The nodes were stopped; run the command again.\n')
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('bad input: one clear sentence, a non-zero exit, no stack trace', async () => {
    expectRefusal(await run('main', ['--frobnicate']), /unknown option '--frobnicate'/)
  })
})

describe('nodes started by hand', () => {
  it('agree, print what they say, and leave on Ctrl-C with 0', async () => {
    const directory = await emptyDirectory()
    const ports = await freePorts(3, 'udp')
    const ids = ['a', 'b', 'c']
    const members = ids.flatMap((id, index) => [
      '--member',
      `${id}=udp://127.0.0.1:${ports[index]}`,
    ])
    const nodes = await Promise.all(
      ids.map(async (id) => {
        await mkdir(join(directory, id))
        const args = ['--id', id, ...members, '--durability', `file:${join(directory, id)}`]
        return start('node', [...args, ...(id === 'b' ? ['--propose', 'by hand'] : [])])
      }),
    )
    await Promise.all(nodes.map((node) => node.printed('chosen    "by hand"')))
    for (const { child } of nodes) child.kill('SIGINT')
    for (const { ended } of nodes) expect(await ended).toMatchObject({ code: 0, stderr: '' })
  })
})
