import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connect } from '../src/client.ts'
import { freePorts } from '../src/ports.ts'
import { emptyDirectory, expectRefusal, run, start } from './processes.ts'
import type { Ended, Started } from './processes.ts'

/** One server that is a cluster of its own. */
async function single(): Promise<Started & { readonly url: string; readonly args: string[] }> {
  const [port = 0] = await freePorts(1, 'udp')
  const args = [
    '--id=a',
    `--member=a=udp://127.0.0.1:${port}`,
    `--durability=file:${await emptyDirectory()}`,
    '--http=127.0.0.1:0',
    '--log=error',
  ]
  const server = start('server', args)
  const printed = await server.printed('\n')
  return { ...server, args, url: /serves (http:\S+)/.exec(printed)?.[1] ?? '' }
}

describe('a server', () => {
  it('leaves with 0 on SIGTERM when those who wait have their answers, and remembers', async () => {
    const server = await single()
    // Once it is gone, whoever asks it is told so at once.
    const options = { nodes: [server.url], timeoutMs: 60_000, unreachableTimeoutMs: 1 }
    const client = connect(options)
    await client.put('k', 'v')
    const watch = await client.watch({ prefix: 'other' })
    const acknowledged: string[] = []
    const writes = Array.from({ length: 20 }, async (_, index) => {
      await client.put(`k${index}`, '')
      acknowledged.push(`k${index}`)
    })
    await Promise.race(writes)
    server.child.kill('SIGTERM')
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toThrow(/No node/)
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
    await Promise.allSettled(writes)

    const again = start('server', server.args)
    const url = /serves (http:\S+)/.exec(await again.printed('\n'))?.[1] ?? ''
    const reader = connect({ nodes: [url] })
    expect(await reader.get('k')).toMatchObject({ value: 'v' })
    for (const key of acknowledged) expect(await reader.get(key)).toMatchObject({ value: '' })
  })

  it('says what it does in lines of JSON', async () => {
    const server = await single()
    server.child.kill('SIGTERM')
    await server.ended
    const told = start('server', [...server.args, '--log=info'])
    await told.printed('serves')
    told.child.kill('SIGTERM')
    const { stderr } = await told.ended
    const lines: unknown[] = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'info', node: 'a', message: 'leaving', why: 'SIGTERM' }),
    )
  })

  const good = {
    id: '--id=a',
    member: '--member=a=udp://127.0.0.1:0',
    durability: '--durability=file:./nowhere',
    http: '--http=127.0.0.1:0',
  }
  it.each([
    ['no id', { id: '' }, /required option '--id <id>'/],
    ['an id of nobody', { id: '--id=x' }, /'x' is not among the members a/],
    ['a member without an address', { member: '--member=a' }, /Write id=address/],
    ['a member of another kind', { member: '--member=a=http://x:1' }, /No transport is known/],
    ['a durability of another kind', { durability: '--durability=tape:x' }, /No durability/],
    ['no port', { http: '--http=127.0.0.1' }, /Write host:port/],
    ['a port that is none', { http: '--http=127.0.0.1:65536' }, /Write host:port/],
    ['an interval of nothing', { http: '--heartbeat-period=0' }, /whole number from 1/],
    ['an unknown level', { http: '--log=loud' }, /Allowed choices/],
  ])('refuses %s with a sentence', async (_, changed, sentence) => {
    const args = Object.values({ ...good, ...changed }).filter((arg) => arg !== '')
    expectRefusal(await run('server', args), sentence)
  })

  it('refuses an HTTP address that is taken, and leaves nothing open', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    onTestFinished(() => {
      holder.close()
    })
    const address = holder.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const directory = join(await emptyDirectory(), 'a')
    const args = { ...good, durability: `--durability=file:${directory}` }
    const taken = { ...args, http: `--http=127.0.0.1:${port}` }
    // In a test the members cannot name port 0: a free one is looked for.
    const [udp = 0] = await freePorts(1, 'udp')
    const member = { member: `--member=a=udp://127.0.0.1:${udp}` }
    const ended = await run('server', ['--log=error', ...Object.values({ ...taken, ...member })])
    expectRefusal(ended, new RegExp(`127.0.0.1:${port} is taken by another program`))
    const next = start('server', ['--log=error', ...Object.values({ ...args, ...member })])
    await next.printed('serves')
  })

  it('refuses a directory that another server has', async () => {
    const server = await single()
    const [port = 0] = await freePorts(1, 'udp')
    const args = [...server.args, `--member=b=udp://127.0.0.1:${port}`]
    expectRefusal(await run('server', args), /is held by/)
  })
})

describe('the client on the command line', () => {
  it('reads and writes, and says in its exit code whether it did', async () => {
    const { url } = await single()
    const client = (...args: string[]): Promise<Ended> =>
      run('client-cli', [...args, '--node', url])
    const put = await client('put', 'greeting', 'hello')
    expect(put).toMatchObject({ code: 0, stderr: '' })
    const revision = put.stdout.trim()
    expect(await client('get', 'greeting')).toMatchObject({ code: 0, stdout: 'hello\n' })
    expect(await client('list', '--prefix', 'gr')).toMatchObject({
      stdout: `{"key":"greeting","value":"hello","revision":${revision}}\n`,
    })
    expectRefusal(await client('put', 'greeting', 'x', '--if-revision', '0'), /has revision/)
    const swapped = await client('put', 'greeting', 'y', '--if-revision', revision)
    expect(swapped.code).toBe(0)
    expect(await client('delete', 'greeting')).toMatchObject({ code: 0, stdout: '' })
    expectRefusal(await client('delete', 'greeting'), /There is no 'greeting'/)
    expectRefusal(await client('get', 'greeting'), /There is no 'greeting'/)
    const status = await client('status')
    expect(JSON.parse(status.stdout)).toMatchObject({ id: 'a', role: 'leader' })
  })

  it('takes a value from standard input, and watches until Ctrl-C', async () => {
    const { url } = await single()
    const watch = start('client-cli', ['watch', '--prefix', 'k', '--node', url])
    await once(watch.child.stderr ?? watch.child, 'data')
    await run('client-cli', ['put', 'k', '-', '--node', url], { input: 'a\nb' })
    const printed = await watch.printed('\n')
    expect(JSON.parse(printed)).toMatchObject({ key: 'k', value: 'a\nb' })
    watch.child.kill('SIGINT')
    expect((await watch.ended).code).toBe(0)
  })

  it.each([
    [
      'nobody at the other end',
      ['get', 'k', '--node', 'http://127.0.0.1:9', '--timeout', '50'],
      /Nobody/,
    ],
    ['no URL', ['get', 'k', '--node', '127.0.0.1'], /Write the URL of a node/],
    ['no command', ['frobnicate'], /unknown command/],
    ['a revision that is none', ['put', 'k', 'v', '--if-revision', '-1'], /whole number/],
    ['the empty key', ['get', ''], /A key is text/],
  ])('refuses %s with a sentence', async (_, args, sentence) => {
    expectRefusal(await run('client-cli', args), sentence)
  })

  it.each(['demo', 'server', 'client-cli'] as const)('%s --help leaves with 0', async (program) => {
    const { code, stdout, stderr } = await run(program, ['--help'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Usage:')
  })
})
