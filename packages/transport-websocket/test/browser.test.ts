/**
 * The entry for browsers: what a bundler makes of it holds nothing of Node.js, and dials real nodes
 * with the WebSocket that it finds.
 */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { BuildResult } from 'esbuild'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { CLOSE_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import type { ChannelEvents } from '@paxos/adapter-kit/links'
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { WebSocketTransport } from '@paxos/transport-websocket'
import { browserChannel } from '../src/browser-channel.ts'
import type { BrowserWebSocket } from '../src/browser-channel.ts'
import type * as Browser from '../src/browser.ts'
import {
  closeAll,
  hello,
  keepFramesYoung,
  onCleanup,
  openNode,
  stopTime,
  until,
  wireTo,
} from './nodes.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const native: unknown = Reflect.get(globalThis, 'WebSocket')
const PLATFORMS: readonly (readonly [string, unknown])[] = [
  ['the one of ws', WebSocket],
  ...(native === undefined ? [] : [['the one of Node.js', native] as const]),
]

let folder = ''
let bundle: BuildResult<{ metafile: true; write: false }>
let browser: typeof Browser

beforeAll(async () => {
  bundle = await build({
    stdin: { contents: "export * from '@paxos/transport-websocket'", resolveDir: PACKAGE },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser', '@paxos/source'],
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  folder = await mkdtemp(join(tmpdir(), 'paxos-browser-'))
  const file = join(folder, 'bundle.mjs')
  await writeFile(file, bundle.outputFiles[0]?.contents ?? '')
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- it was bundled from that module
  browser = await import(pathToFileURL(file).href)
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.useRealTimers()
  await closeAll()
  vi.unstubAllGlobals()
})

interface Page {
  readonly transport: WebSocketTransport
  readonly inbox: Uint8Array[]
  readonly received: (count: number) => Promise<void>
}

async function openPage(id: NodeId, peers: Readonly<Record<NodeId, string>>): Promise<Page> {
  const transport = browser.webSocket()
  onCleanup(() => transport.close())
  const inbox: Uint8Array[] = []
  const receive = (_: NodeId, frame: Uint8Array): void => void inbox.push(frame)
  await transport.open({ id, listen: '', peers: new Map(Object.entries(peers)), receive })
  return { transport, inbox, received: (count) => until(() => inbox.length >= count) }
}

describe('the bundle for browsers', () => {
  it('holds nothing of Node.js, and not ws', () => {
    const inputs = Object.keys(bundle.metafile.inputs)
    expect(inputs.some((input) => input.endsWith('src/browser.ts'))).toBe(true)
    expect(inputs.filter((input) => /node_modules|node:|\bws\b/.test(input))).toEqual([])
    const imports = Object.values(bundle.metafile.inputs).flatMap((input) => input.imports)
    expect(imports.filter(({ external }) => external === true)).toEqual([])
  })

  it('exports no more than a page can use', () => {
    expect(Object.keys(browser).toSorted()).toEqual(['fromUrl', 'webSocket'])
  })
})

describe.each(PLATFORMS)('a page with a WebSocket, %s,', (_, platformClass) => {
  it.each(['a page', 'z page'])(
    'exchanges frames with a node, in both directions, as %s',
    async (id) => {
      vi.stubGlobal('WebSocket', platformClass)
      const node = await openNode('node', { [id]: '' })
      const page = await openPage(id, { node: node.transport.address })
      const sizes = [1, 0, 65_536, MAX_FRAME_BYTES]
      for (const size of sizes) page.transport.send('node', new Uint8Array(size).fill(1))
      await node.received(sizes.length)
      for (const size of sizes) node.transport.send(id, new Uint8Array(size).fill(2))
      await page.received(sizes.length)
      for (const frames of [node.inbox.map(({ frame }) => frame), page.inbox]) {
        expect(frames.map(({ byteLength }) => byteLength)).toEqual(sizes)
      }
      expect(page.inbox[3]?.every((byte) => byte === 2)).toBe(true)
      expect(node.inbox[3]?.frame.every((byte) => byte === 1)).toBe(true)
      expect(node.inbox.every(({ from }) => from === id)).toBe(true)
    },
  )

  it('dials at once, though its id is the larger: nobody can dial a page', async () => {
    vi.stubGlobal('WebSocket', platformClass)
    const node = await openNode('node', { 'z page': '' })
    stopTime()
    const page = await openPage('z page', { node: node.transport.address })
    page.transport.send('node', Uint8Array.of(1))
    await node.received()
  })

  it('finds a node again that was away', async () => {
    vi.stubGlobal('WebSocket', platformClass)
    const first = await openNode('node', { page: '' })
    const { address } = first.transport
    const page = await openPage('page', { node: address })
    page.transport.send('node', Uint8Array.of(1))
    await first.received()
    await first.transport.close()
    // What is sent before it has noticed is lost.
    await until(() => page.transport.figures().peers.get('node')?.isConnected === false)
    page.transport.send('node', Uint8Array.of(2))
    const second = await openNode('node', { page: '' }, { listen: address })
    await second.received()
    second.transport.send('page', Uint8Array.of(3))
    await page.received(1)
    expect([second.inbox[0]?.frame, page.inbox[0]]).toEqual([Uint8Array.of(2), Uint8Array.of(3)])
  })

  it('closes, and neither side has a connection left', async () => {
    vi.stubGlobal('WebSocket', platformClass)
    const node = await openNode('node', { page: '' })
    const page = await openPage('page', { node: node.transport.address, down: 'ws://127.0.0.1:9' })
    page.transport.send('node', Uint8Array.of(1))
    await node.received()
    await page.transport.close()
    node.transport.send('page', Uint8Array.of(2))
    await node.transport.close()
    expect(page.inbox).toEqual([])
  })
})

describe('a page', () => {
  it('keeps its hands off a node that does not know it', async () => {
    vi.stubGlobal('WebSocket', WebSocket)
    const node = await openNode('node')
    const page = await openPage('page', { node: node.transport.address, nonsense: 'nowhere' })
    await until(() => page.transport.stats().failedDials >= 2)
    page.transport.send('node', Uint8Array.of(1))
    node.transport.setPeers(new Map([['page', '']]))
    await node.received()
  })

  it('leaves a node that sends more than a frame', async () => {
    vi.stubGlobal('WebSocket', WebSocket)
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    onCleanup(() => server.close())
    server.on('connection', (socket) => {
      socket.on('message', () => {
        socket.send(hello('node', 'page'))
        socket.send(new Uint8Array(MAX_FRAME_BYTES + 1))
      })
    })
    await once(server, 'listening')
    const bound = server.address()
    const port = typeof bound === 'object' ? bound?.port : null
    const page = await openPage('page', { node: `ws://127.0.0.1:${port}` })
    await until(() => page.transport.stats().malformedMessages > 0)
    expect(page.inbox).toEqual([])
  })

  it('notices by itself that a node is gone without a word', async () => {
    vi.stubGlobal('WebSocket', WebSocket)
    stopTime()
    const node = await openNode('node', { page: '' })
    const wire = await wireTo(node.transport.address)
    const page = await openPage('page', { node: wire.address })
    page.transport.send('node', Uint8Array.of(1))
    await node.received()
    wire.silence()
    // Two pings without an answer, and the third is due.
    vi.advanceTimersByTime(3 * 5_000)
    expect(page.transport.stats().silentConnections).toBe(1)
    await until(() => page.transport.figures().peers.get('node')?.isConnected === false)
  })

  it('cannot listen, and the error says how to open it', async () => {
    vi.stubGlobal('WebSocket', WebSocket)
    const options = { id: 'page', peers: new Map<NodeId, string>(), receive: () => {} }
    for (const listen of ['ws://127.0.0.1:0', 'nonsense']) {
      await expect(browser.webSocket().open({ ...options, listen })).rejects.toMatchObject({
        code: 'ERR_PAXOS_ADDRESS_UNAVAILABLE',
        message: expect.stringContaining('Open it with an empty address'),
      })
    }
    const transport = browser.fromUrl('ws:')
    await transport.open({ ...options, listen: '' })
    expect(transport.address).toBe('')
    await transport.close()
  })

  it('has no options, and refuses what is given as one', () => {
    const given = { tls: {} }
    for (const [make, args] of [
      [browser.webSocket, [given]],
      [browser.fromUrl, ['wss:', given]],
    ] as const) {
      const call = (): unknown => Reflect.apply(make, null, args)
      // Of the bundle's own core.
      expect(call).toThrow(expect.objectContaining({ name: 'InvalidArgumentError' }))
      expect(call).toThrow(/^Unknown option 'tls' of webSocket\(\) in a page\. There are none: /)
    }
  })

  it('does not open where there is no WebSocket', async () => {
    vi.stubGlobal('WebSocket', undefined)
    const options = { id: 'page', listen: '', peers: new Map(), receive: () => {} }
    await expect(browser.webSocket().open(options)).rejects.toMatchObject({
      code: 'ERR_PAXOS_TRANSPORT_FAILED',
    })
  })

  it('reaches a node by TLS where no certificate is asked of it', async () => {
    const authority = await testAuthority()
    const { ca } = authority
    const tls = { ca, ...(await authority.issue()), mutual: false }
    class Trusting extends WebSocket {
      constructor(url: string) {
        super(url, { ca })
      }
    }
    vi.stubGlobal('WebSocket', Trusting)
    const node = await openNode('node', { page: '' }, { listen: 'wss://127.0.0.1:0', tls })
    const page = await openPage('page', { node: node.transport.address })
    page.transport.send('node', Uint8Array.of(1))
    await node.received()
  })
})

/** A WebSocket that does what a test says. */
class Scripted implements BrowserWebSocket {
  static last: Scripted | null = null
  binaryType = 'blob'
  readyState = 0
  bufferedAmount = 0
  readonly sent: Uint8Array[] = []
  readonly closings: number[] = []
  readonly #listeners = new Map<string, (event: { readonly data: unknown }) => void>()

  constructor(url: string) {
    if (url.includes('forbidden')) throw new Error('The page is secure, and this is not.')
    Scripted.last = this
  }
  addEventListener(type: string, listener: (event: { readonly data: unknown }) => void): void {
    this.#listeners.set(type, listener)
  }
  emit(type: string, data: unknown = null): void {
    this.#listeners.get(type)?.({ data })
  }
  open(): void {
    this.readyState = 1
    this.emit('open')
  }
  send(message: Uint8Array): void {
    this.sent.push(message)
    this.bufferedAmount += message.byteLength
  }
  close(code: number): void {
    this.closings.push(code)
    this.readyState = 2
  }
}

/** What a channel tells, in order, and the WebSocket that was made last. */
function script(): { readonly events: ChannelEvents; readonly told: string[] } {
  const told: string[] = []
  const events: ChannelEvents = {
    onOpen: () => void told.push('open'),
    onMessage: (bytes) => void told.push(`message ${bytes.join(' ')}`),
    onWritable: () => void told.push('writable'),
    onMalformed: () => void told.push('malformed'),
    onProblem: ({ reason }) => void told.push(reason),
    onClosed: () => void told.push('closed'),
  }
  return { events, told }
}

function made(): Scripted {
  if (Scripted.last === null) throw new Error('No WebSocket was made.')
  return Scripted.last
}

describe('a channel of a browser', () => {
  it('asks again until there is room for more', async () => {
    vi.useFakeTimers()
    const { events, told } = script()
    const channel = browserChannel(Scripted, 'ws://host:1', events)
    made().open()
    channel.send([new Uint8Array(MAX_FRAME_BYTES)])
    await vi.advanceTimersByTimeAsync(1_000)
    expect([channel.writable, told]).toEqual([false, ['open']])
    made().bufferedAmount = 0
    await vi.advanceTimersByTimeAsync(100)
    expect([channel.writable, told]).toEqual([true, ['open', 'writable']])
  })

  it('does not ask any more once it is closed', async () => {
    vi.useFakeTimers()
    const { events, told } = script()
    const channel = browserChannel(Scripted, 'ws://host:1', events)
    made().open()
    channel.send([new Uint8Array(MAX_FRAME_BYTES)])
    await vi.advanceTimersByTimeAsync(0)
    made().readyState = 3
    made().emit('close')
    expect(vi.getTimerCount()).toBe(0)
    expect(told).toEqual(['open', 'closed'])
  })

  it('is abandoned when the other side does not say goodbye in time', async () => {
    vi.useFakeTimers()
    const { events, told } = script()
    const channel = browserChannel(Scripted, 'ws://host:1', events)
    made().open()
    channel.close()
    expect([channel.writable, made().closings]).toEqual([false, [1000]])
    await vi.advanceTimersByTimeAsync(CLOSE_TIMEOUT_MS - 1)
    expect(told).toEqual(['open'])
    await vi.advanceTimersByTimeAsync(1)
    expect(told).toEqual(['open', 'closed'])
    // Nothing that comes later is told.
    made().emit('message', new ArrayBuffer(1))
    made().emit('close')
    expect(told).toEqual(['open', 'closed'])
  })

  it('tells bytes from anything else', () => {
    const { events, told } = script()
    browserChannel(Scripted, 'ws://host:1', events)
    expect(made().binaryType).toBe('arraybuffer')
    made().open()
    made().emit('message', Uint8Array.of(1, 2).buffer)
    made().emit('message', 'text')
    expect(told).toEqual(['open', 'message 1 2', 'malformed'])
  })

  it('that the browser forbids is closed, soon and not at once', async () => {
    const { events, told } = script()
    const channel = browserChannel(Scripted, 'ws://forbidden:1', events)
    channel.send([Uint8Array.of(1)])
    channel.close()
    channel.destroy()
    expect(told).toEqual([])
    await Promise.resolve()
    expect(told).toEqual(['closed'])
  })
})
