/** Servers as processes, with certificates, keys and tokens, and clients that have them or not. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { testAuthority } from '@paxos/testkit/certificates'
import type { TestAuthority } from '@paxos/testkit/certificates'
import { complaintsAbout } from '../src/certificates.ts'
import { httpSender } from '../src/client-http.ts'
import { connect, UnavailableError } from '../src/client.ts'
import type { Client } from '../src/client.ts'
import { textOf } from '../src/nodes.ts'
import { freePorts } from '../src/ports.ts'
import { emptyDirectory, expectRefusal, run, start } from './processes.ts'
import type { Started } from './processes.ts'

/** How a server is told to read its files again, and how it says so. */
const BY_SIGNAL = (server: Started): void => void server.child.kill('SIGHUP')
const BY_ITSELF = (): void => undefined

const TOKEN = 'the-token-of-this-test'
const DAY_MS = 24 * 3_600_000

/** Writes a file that its owner alone may read. */
async function secret(directory: string, name: string, text: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, text, { mode: 0o600 })
  return path
}

async function single(...more: string[]): Promise<Started & { readonly url: string }> {
  const [port = 0] = await freePorts(1, 'udp')
  const member = `--member=a=udp://127.0.0.1:${port}`
  const durability = `--durability=file:${await emptyDirectory()}`
  const args = ['--id=a', member, durability, '--http=127.0.0.1:0', '--log=info', ...more]
  const server = start('server', args)
  const url = /serves (https?:\S+)/.exec(await server.printed(' talks on '))?.[1] ?? ''
  return { ...server, url }
}

/** Resolves when the log of the server has said that. */
async function logged({ child }: Started, text: RegExp): Promise<void> {
  await new Promise<void>((resolve) => {
    let seen = ''
    child.stderr?.on('data', (chunk: string) => {
      seen += chunk
      if (text.test(seen)) resolve()
    })
  })
}

/** The serial number of the certificate that a new connection is shown. */
async function serialOf(url: string, ca: string): Promise<string> {
  const { hostname: host, port } = new URL(url)
  return await new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: Number(port), ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe('https:', () => {
  it('a client that trusts the authority is served, watches too; one that does not says why', async () => {
    const directory = await emptyDirectory()
    const [ours, others] = [await testAuthority(), await testAuthority()]
    const { cert, key } = await ours.issue()
    const server = await single(
      `--http-cert=${await secret(directory, 'cert', cert)}`,
      `--http-key=${await secret(directory, 'key', key)}`,
      `--token-file=${await secret(directory, 'tokens', TOKEN)}`,
    )
    expect(server.url).toMatch(/^https:/)
    const nodes = [server.url]
    const client = connect({ nodes, token: TOKEN, tls: { ca: ours.ca } })
    const watch = await client.watch()
    const revision = await client.put('k', 'v')
    expect(await client.get('k')).toEqual({ value: 'v', revision })
    expect(await watch.next()).toMatchObject({ value: { key: 'k', revision } })
    await watch.return()
    await expect(client.get('none')).resolves.toBeNull()

    const streaming = connect({ nodes, token: TOKEN, tls: { ca: ours.ca }, stream: true })
    await streaming.put('k', 'v')
    expect(await streaming.get('k')).toMatchObject({ value: 'v' })
    const metrics = await httpSender({ ca: ours.ca })(server.url, '/metrics', {
      method: 'GET',
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: new AbortController().signal,
    })
    expect(await textOf(metrics)).toContain('kv_http_streams 1\n')

    const options = { nodes, token: TOKEN, unreachableTimeoutMs: 1 }
    const strangers = [{ tls: { ca: others.ca } }, {}]
    for (const more of [...strangers, ...strangers.map((each) => ({ ...each, stream: true }))]) {
      const stranger = connect({ ...options, ...more })
      const error: unknown = await stranger.put('k', 'v').catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(UnavailableError)
      expect(String(error)).toMatch(/certificate that is not trusted/)
    }
    const ca = await secret(directory, 'ca', ours.ca)
    const cli = ['get', 'k', `--node=${server.url}`, `--ca=${ca}`]
    expect(await run('client-cli', cli, { env: { KV_TOKEN: TOKEN } })).toMatchObject({
      code: 0,
      stdout: 'v\n',
    })
    expectRefusal(await run('client-cli', cli), /Give a token that this server knows/)
  })

  it('with authorities of clients, one without a certificate is not served', async () => {
    const directory = await emptyDirectory()
    const authority = await testAuthority()
    const [own, client] = [await authority.issue(), await authority.issue({ commonName: 'x' })]
    const server = await single(
      `--http-cert=${await secret(directory, 'cert', own.cert)}`,
      `--http-key=${await secret(directory, 'key', own.key)}`,
      `--http-ca=${await secret(directory, 'ca', authority.ca)}`,
    )
    const asking = (tls: object): Client =>
      connect({ nodes: [server.url], timeoutMs: 60_000, tls: { ca: authority.ca, ...tls } })
    expect(await asking(client).status()).toMatchObject({ id: 'a' })
    await expect(asking({}).status({ timeoutMs: 1000 })).rejects.toBeInstanceOf(UnavailableError)
  })

  it('certificates and tokens are read again on SIGHUP; what cannot be used changes nothing', async () => {
    const directory = await emptyDirectory()
    const authority = await testAuthority()
    const [first, second] = [await authority.issue(), await authority.issue()]
    const cert = await secret(directory, 'cert', first.cert)
    const key = await secret(directory, 'key', first.key)
    const tokens = await secret(directory, 'tokens', TOKEN)
    const args = [`--http-cert=${cert}`, `--http-key=${key}`, `--token-file=${tokens}`]
    const server = await single(...args)
    const before = await serialOf(server.url, authority.ca)
    const status = (token: string): Promise<unknown> =>
      connect({ nodes: [server.url], token, tls: { ca: authority.ca } }).status()
    await status(TOKEN)

    await writeFile(cert, second.cert)
    const refused = logged(server, /cannot be used.*clients.*SIGHUP/)
    server.child.kill('SIGHUP')
    await refused
    expect(await serialOf(server.url, authority.ca)).toBe(before)

    await writeFile(key, second.key)
    await writeFile(tokens, `new-${TOKEN}`)
    const taken = logged(server, /were read again.*clients.*SIGHUP/)
    server.child.kill('SIGHUP')
    await taken
    expect(await serialOf(server.url, authority.ca)).not.toBe(before)
    await status(`new-${TOKEN}`)
    await expect(status(TOKEN)).rejects.toMatchObject({ code: 'unauthorized' })
    server.child.kill('SIGTERM')
    const { stderr, stdout } = await server.ended
    expect(stderr + stdout).not.toContain(TOKEN)
    expect(stderr + stdout).not.toContain('PRIVATE')
  })

  it('an expired certificate is said at start', async () => {
    const directory = await emptyDirectory()
    const { cert, key } = await (await testAuthority()).issue({ expired: true })
    const server = await single(
      `--http-cert=${await secret(directory, 'cert', cert)}`,
      `--http-key=${await secret(directory, 'key', key)}`,
    )
    server.child.kill('SIGTERM')
    expect((await server.ended).stderr).toMatch(/certificate of --http-cert expired on/)
  })
})

interface Member extends Started {
  /** Where it listens for the other. */
  readonly member: string
  /** Kills it, and starts it as it was started first. */
  restart(): Promise<void>
}

/** Two nodes that need each other, and a client of those that run. */
async function pair(
  directory: string,
  scheme: 'wss' | 'grpcs' | 'udp',
  secretsOf: (id: string) => Promise<string[]>,
): Promise<[a: Member, b: Member, clients: () => Client]> {
  const ports = await freePorts(2, scheme === 'udp' ? 'udp' : 'tcp')
  const places = new Map(['a', 'b'].map((id, at) => [id, `${scheme}://127.0.0.1:${ports[at]}`]))
  const members = [...places].map(([id, address]) => `--member=${id}=${address}`)
  const urls = new Map<string, string>()
  const begin = async (id: string, secrets: readonly string[]): Promise<Started> => {
    const durability = `--durability=file:${join(directory, id)}`
    const args = [`--id=${id}`, ...members, durability, ...secrets]
    const server = start('server', [...args, '--http=127.0.0.1:0', '--log=info'])
    urls.set(id, /serves (http:\S+)/.exec(await server.printed(' talks on '))?.[1] ?? '')
    return server
  }
  const member = async (id: string): Promise<Member> => {
    const secrets = await secretsOf(id)
    let server = await begin(id, secrets)
    return {
      ...server,
      member: places.get(id) ?? '',
      async restart() {
        server.child.kill('SIGKILL')
        await server.ended
        server = await begin(id, secrets)
      },
    }
  }
  const [a, b] = await Promise.all([member('a'), member('b')])
  return [a, b, () => connect({ nodes: [...urls.values()], timeoutMs: 60_000 })]
}

describe('members', () => {
  it.each(['wss', 'grpcs', 'udp'] as const)(
    'on %s: with certificates or keys agree, in a cluster of a name',
    async (scheme) => {
      const directory = await emptyDirectory()
      const authority = await testAuthority()
      const ca = await secret(directory, 'ca', authority.ca)
      const ids = ['a', 'b', 'c']
      const ports = await freePorts(3, scheme === 'udp' ? 'udp' : 'tcp')
      const members = ids.map((id, at) => `--member=${id}=${scheme}://127.0.0.1:${ports[at]}`)
      const peerKey = await secret(directory, 'peer.key', '5a'.repeat(32))
      const servers = await Promise.all(
        ids.map(async (id) => {
          const { cert, key } = await authority.issue({ commonName: id })
          const own =
            scheme === 'udp'
              ? [`--peer-key=${peerKey}`]
              : [
                  `--tls-cert=${await secret(directory, `${id}.cert`, cert)}`,
                  `--tls-key=${await secret(directory, `${id}.key`, key)}`,
                  `--tls-ca=${ca}`,
                ]
          const durability = `--durability=file:${join(directory, id)}`
          const args = ['--http=127.0.0.1:0', '--log=warn', '--cluster=mine', durability, ...own]
          const server = start('server', [`--id=${id}`, ...members, ...args])
          return /serves (http:\S+)/.exec(await server.printed(' talks on '))?.[1] ?? ''
        }),
      )
      const client = connect({ nodes: servers, timeoutMs: 60_000 })
      const revision = await client.put('k', 'v')
      expect(await client.get('k')).toEqual({ value: 'v', revision })
      const { id, peers } = await client.status()
      expect(Object.keys(peers)).toEqual(ids.filter((other) => other !== id))
      expect(Object.values(peers).some(({ heardAgoMs }) => heardAgoMs !== null)).toBe(true)
    },
  )

  it.each([
    ['wss', 'on SIGHUP', BY_SIGNAL],
    ['grpcs', 'when the files change', BY_ITSELF],
  ] as const)(
    'on %s: take new certificates and authorities %s, for the next connection; bad ones change nothing',
    async (scheme, _, tell) => {
      const directory = await emptyDirectory()
      const [before, after] = [await testAuthority(), await testAuthority()]
      const put = async (authority: TestAuthority, id: string): Promise<string[]> => {
        const { cert, key } = await authority.issue({ commonName: id })
        return [
          `--tls-cert=${await secret(directory, `${id}.cert`, cert)}`,
          `--tls-key=${await secret(directory, `${id}.key`, key)}`,
          `--tls-ca=${await secret(directory, `${id}.ca`, authority.ca)}`,
        ]
      }
      const [a, b, clients] = await pair(directory, scheme, (id) => put(before, id))
      await clients().put('k', 'before')
      const serial = await serialOf(a.member, before.ca)

      const refused = logged(a, /cannot be used.*members/)
      await secret(directory, 'a.cert', 'nothing')
      tell(a)
      await refused
      expect(await serialOf(a.member, before.ca)).toBe(serial)

      const taken = logged(a, /were read again.*members/)
      await put(after, 'a')
      tell(a)
      await taken
      expect(await serialOf(a.member, after.ca)).not.toBe(serial)
      await clients().put('k', 'the connection from before goes on')
      // From here on the other node believes the new authority alone.
      await put(after, 'b')
      await b.restart()
      await clients().put('k', 'after')
      expect(a.child.exitCode).toBeNull()
    },
  )

  it('on udp: sign with new keys on SIGHUP, and a bad file changes nothing', async () => {
    const directory = await emptyDirectory()
    const [old, fresh] = ['5a'.repeat(32), 'a5'.repeat(32)]
    const put = async (id: string, sign: string, accept: string): Promise<string[]> => [
      `--peer-key=${await secret(directory, `${id}.sign`, sign)}`,
      `--peer-key=${await secret(directory, `${id}.accept`, accept)}`,
    ]
    const [a, b, clients] = await pair(directory, 'udp', (id) => put(id, old, fresh))
    await clients().put('k', 'before')

    const refused = logged(a, /cannot be used.*members.*SIGHUP/)
    await put('a', 'nothing', old)
    BY_SIGNAL(a)
    await refused
    await clients().put('k', 'goes on')

    const taken = logged(a, /were read again.*members.*SIGHUP/)
    await put('a', fresh, old)
    BY_SIGNAL(a)
    await taken
    // From here on the other node knows the new key alone.
    await put('b', fresh, fresh)
    await b.restart()
    await clients().put('k', 'after')
    expect(a.child.exitCode).toBeNull()
  })

  it.each([
    ['wss: without certificates', 'wss', [], /--tls-cert and --tls-key/],
    ['udp: with certificates', 'udp', ['--tls-cert=CERT', '--tls-key=KEY'], /for members on wss/],
    ['half a pair', 'wss', ['--tls-cert=CERT'], /go together/],
    ['ws: with keys', 'ws', ['--peer-key=PEER'], /for members on udp/],
    ['a key of others', 'wss', ['--tls-cert=CERT', '--tls-key=OTHER'], /does not belong/],
    ['no PEM', 'wss', ['--tls-cert=PEER', '--tls-key=KEY'], /cannot be read\. Give files in PEM/],
    ['a key that all may read', 'udp', ['--peer-key=OPEN'], /everybody on this machine.*chmod/],
    ['a key that is short', 'udp', ['--peer-key=SHORT'], /holds no key of 32 bytes/],
    [
      'no such file',
      'udp',
      ['--peer-key=/nowhere/key'],
      /\/nowhere\/key cannot be read \(ENOENT\)/,
    ],
    ['tokens that can be guessed', 'udp', ['--token-file=SHORT'], /at least 16 characters/],
  ])('refuses %s with a sentence', async (_, scheme, args, sentence) => {
    const directory = await emptyDirectory()
    const authority = await testAuthority()
    const [own, other] = [await authority.issue({ commonName: 'a' }), await authority.issue()]
    const files: Readonly<Record<string, string>> = {
      CERT: await secret(directory, 'cert', own.cert),
      KEY: await secret(directory, 'key', own.key),
      OTHER: await secret(directory, 'other', other.key),
      PEER: await secret(directory, 'peer', '5a'.repeat(32)),
      OPEN: await secret(directory, 'open', '5a'.repeat(32)),
      SHORT: await secret(directory, 'short', '5a5a'),
    }
    await chmod(files['OPEN'] ?? '', 0o644)
    const named = args.map((arg) => arg.replace(/[A-Z]+$/, (name) => files[name] ?? name))
    const address = `--member=a=${scheme}://127.0.0.1:0`
    const durability = `--durability=file:${join(directory, 'a')}`
    const ended = await run('server', [
      '--id=a',
      address,
      durability,
      '--http=127.0.0.1:0',
      ...named,
    ])
    expectRefusal(ended, sentence)
  })
})

describe('a certificate', () => {
  it('is complained about when it is foreign, has expired, or will soon', async () => {
    const [ours, others] = [await testAuthority(), await testAuthority()]
    const { cert } = await ours.issue({ commonName: 'a', hosts: ['127.0.0.1', 'kv.example'] })
    const about = (purpose: object, inMs = -DAY_MS / 2): readonly string[] =>
      complaintsAbout(cert, { name: 'It', ...purpose }, Date.now() + inMs)
    const good = { host: 'kv.example', commonName: 'a', ca: ours.ca }
    expect(about(good, -20 * DAY_MS)).toEqual([expect.stringMatching(/^It is not valid before/)])
    expect(about(good)).toEqual([expect.stringMatching(/^It expires on .+ Replace it before\.$/)])
    expect(about(good, 2 * DAY_MS)).toEqual([expect.stringMatching(/^It expired on/)])
    const soon = expect.stringMatching(/expires on/)
    expect(about({ host: '127.0.0.1' })).toEqual([soon])
    expect(about({ host: 'other.example' })).toEqual([
      soon,
      expect.stringMatching(/will refuse it/),
    ])
    expect(about({ commonName: 'b' })).toEqual([soon, expect.stringMatching(/not for 'b'/)])
    expect(about({ ca: others.ca })).toEqual([soon, expect.stringMatching(/not signed by/)])
  })
})
