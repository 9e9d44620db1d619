/**
 * More promises of a transport, broken one at a time, each by something between the honest transport
 * and whoever uses it: what is sent, what is delivered, and when it may be called.
 */
import { expectedPeers, MAX_FRAME_BYTES, MAX_ID_BYTES } from '@paxos/core'
import type { NodeId, PeerAddress, Transport, TransportFigures, TransportOpen } from '@paxos/core'
import type { TransportHarness } from '@paxos/testkit'
import { honestHarness } from './honest.ts'

/** What all transports of one harness share: a place for what a fault remembers. */
interface Network {
  readonly pieces: Map<string, Uint8Array>
  readonly owners: Map<string, NodeId>
}

type Spoil = (inner: Transport, network: Network) => Transport

type Book = TransportOpen['peers']

type Phase = 'new' | 'opening' | 'open' | 'closed'

const PIECE_BYTES = 16 << 10

/** With which messages begin that are no frames, in an adapter that has such. */
const OWN_MARK = 0xf7

/** What becomes of a frame before it is sent; null when it is lost. */
function sending(change: (frame: Uint8Array) => Uint8Array | null): Spoil {
  return (inner) =>
    over(inner, {
      send(to, frame) {
        const changed = frame.byteLength > MAX_FRAME_BYTES ? frame : change(frame)
        if (changed !== null) inner.send(to, changed)
      },
    })
}

/** What becomes of a frame before it is delivered. */
function receiving(
  make: (options: TransportOpen, network: Network) => TransportOpen['receive'],
): Spoil {
  return (inner, network) =>
    over(inner, {
      open: (options) => inner.open({ ...options, receive: make(options, network) }),
    })
}

/** Who is known by other names than their own. */
function naming(name: (id: NodeId) => NodeId): Spoil {
  const mapped = (book: Book): Book => new Map([...book].map(([id, at]) => [name(id), at]))
  return (inner) =>
    over(inner, {
      open: (options) =>
        inner.open({ ...options, id: name(options.id), peers: mapped(options.peers) }),
      setPeers: (peers) => inner.setPeers(mapped(peers)),
      send: (to, frame) => inner.send(name(to), frame),
    })
}

/** Whose cluster is another than the one that was given. */
function inCluster(name: (cluster: string) => string): Spoil {
  return (inner) =>
    over(inner, {
      open: (options) => inner.open({ ...options, cluster: name(options.cluster ?? '') }),
    })
}

/** Whose incarnations, those that are expected too, are others than those that were given. */
function asIncarnation(name: (incarnation: string) => string): Spoil {
  const mapped = expecting((incarnation) => (incarnation === null ? null : name(incarnation)))
  return (inner, network) =>
    over(mapped(inner, network), {
      open: (options) =>
        mapped(inner, network).open({ ...options, incarnation: name(options.incarnation ?? '') }),
    })
}

/** What it expects of others is something else than what it was told to. */
function expecting(change: (incarnation: string | null) => string | null): Spoil {
  const mapped = (book: Book): Book => {
    const changed = [...expectedPeers(book)].map(
      ([id, { address, incarnation }]): [NodeId, PeerAddress] => [
        id,
        { address, incarnation: change(incarnation) },
      ],
    )
    return new Map(changed)
  }
  return (inner) =>
    over(inner, {
      open: (options) => inner.open({ ...options, peers: mapped(options.peers) }),
      setPeers: (peers) => inner.setPeers(mapped(peers)),
    })
}

/** Does something else with send, by the book and the time. */
function acting(act: (inner: Transport, to: NodeId, frame: Uint8Array, at: At) => void): Spoil {
  return (inner) => {
    const at: { book: Book; phase: Phase } = { book: new Map(), phase: 'new' }
    return over(inner, {
      async open(options) {
        at.book = options.peers
        if (at.phase === 'new') at.phase = 'opening'
        await inner.open(options)
        at.phase = 'open'
      },
      setPeers(peers) {
        at.book = new Map(peers)
        inner.setPeers(peers)
      },
      send: (to, frame) => act(inner, to, frame, at),
      async close() {
        at.phase = 'closed'
        await inner.close()
      },
    })
  }
}

interface At {
  readonly book: Book
  readonly phase: Phase
}

/** Keeps for ever what it sends when `isKept` says so. */
function keeping(isKept: (to: NodeId, at: At) => boolean): Spoil {
  return (inner, network) => {
    const kept: Uint8Array[] = []
    const spoil = acting((within, to, frame, at) => {
      within.send(to, frame)
      if (isKept(to, at)) kept.push(Uint8Array.from(frame))
    })
    return spoil(inner, network)
  }
}

/** Takes a frame above the maximum for one that was dropped, when `isTaken` says so. */
function taking(isTaken: (to: NodeId, at: At) => boolean): Spoil {
  return acting((inner, to, frame, at) => {
    if (frame.byteLength <= MAX_FRAME_BYTES || !isTaken(to, at)) inner.send(to, frame)
  })
}

/** Long, so that it is on slow machines as well. */
const BLOCKS_FOR_MS = 150

function blocking(phase: Phase): Spoil {
  return acting((inner, to, frame, at) => {
    if (at.phase === phase) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKS_FOR_MS)
    }
    inner.send(to, frame)
  })
}

/** Tells what is done inside receive from what is not. */
function inside(make: (inner: Transport, isInside: () => boolean) => Transport): Spoil {
  return (inner) => {
    let isInside = false
    return make(
      over(inner, {
        open: (options) =>
          inner.open({
            ...options,
            receive(from, frame) {
              isInside = true
              options.receive(from, frame)
              isInside = false
            },
          }),
      }),
      () => isInside,
    )
  }
}

const isLong = (frame: Uint8Array): boolean => frame.byteLength > PIECE_BYTES

/** The first half of this one, and the second of the one that came before under the same key. */
function mixed(key: string, frame: Uint8Array, { pieces }: Network): Uint8Array {
  if (!isLong(frame)) return frame
  const other = pieces.get(key)
  pieces.set(key, Uint8Array.from(frame))
  if (other?.byteLength !== frame.byteLength) return frame
  const half = frame.byteLength >> 1
  const result = Uint8Array.from(other)
  result.set(frame.subarray(0, half))
  return result
}

function padded(frame: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length)
  result.set(frame)
  return result
}

/** Delivers in the bytes of one buffer whatever fits into it. */
function inBuffer(length: number): Spoil {
  return receiving(({ receive }) => {
    const buffer = new Uint8Array(length)
    return (from, frame) => {
      if (frame.byteLength > length) return receive(from, frame)
      buffer.set(frame)
      return receive(from, buffer.subarray(0, frame.byteLength))
    }
  })
}

const SPOILS = {
  'has one buffer for all deliveries': inBuffer(MAX_FRAME_BYTES),
  'has one buffer for small deliveries': inBuffer(64),
  'reads on from what it has delivered': receiving(({ receive }) => {
    let last = new Uint8Array()
    return (from, frame) => {
      // Of two that came together, the second begins in the bytes of the first.
      const begun = Math.min(4, last.byteLength, frame.byteLength)
      if (last.at(-1) === 0xee) frame.set(last.subarray(0, begun))
      receive(from, frame)
      last = Uint8Array.from(frame)
    }
  }),
  'mixes the pieces of two frames of one sender': receiving(
    ({ id, receive }, network) =>
      (from, frame) =>
        receive(from, mixed(`${from} to ${id}`, frame, network)),
  ),
  'mixes the pieces of two senders': receiving(({ id, receive }, network) => {
    let last: NodeId | null = null
    return (from, frame) => {
      if (last === from) network.pieces.delete(id)
      last = from
      receive(from, mixed(id, frame, network))
    }
  }),
  'loses frames that end with a piece': sending((frame) =>
    isLong(frame) && frame.byteLength % PIECE_BYTES === 0 ? null : frame,
  ),
  'takes what begins like its own messages for one of them': sending((frame) =>
    frame[0] === OWN_MARK ? null : frame,
  ),
  'cuts what has the longest short length': sending((frame) =>
    frame.byteLength === 126 ? frame.subarray(0, 125) : frame,
  ),
  'fills packets up': sending((frame) =>
    frame.byteLength > 1200 && frame.byteLength < 1472 ? padded(frame, 1472) : frame,
  ),
  'never delivers the same twice': receiving(({ receive }) => {
    const seen = new Set<string>()
    return (from, frame) => {
      const key = `${from} ${Buffer.from(frame).toString('latin1')}`
      if (!seen.has(key)) receive(from, frame)
      seen.add(key)
    }
  }),
  'loses what is sent inside receive': inside((inner, isInside) =>
    over(inner, {
      send(to, frame) {
        if (!isInside()) inner.send(to, frame)
      },
    }),
  ),
  'forgets a book that is set inside receive': inside((inner, isInside) =>
    over(inner, { setPeers: (peers) => inner.setPeers(isInside() ? new Map() : peers) }),
  ),
  'trims ids': naming((id) => id.trim()),
  'lower-cases ids': naming((id) => id.toLowerCase()),
  'normalises ids': naming((id) => id.normalize('NFC')),
  'cuts ids at NUL': naming((id) => id.split('\0')[0] ?? ''),
  'cuts a mark off ids': naming((id) => id.replace(/^\uFEFF/, '')),
  'looks ids up in an object': naming((id) => (id in {} ? '' : id)),
  'alters an id that it cannot carry': naming((id) => Buffer.from(id).toString()),
  'cuts an id that is too long': naming((id) => id.slice(0, 255)),
  'trims clusters': inCluster((cluster) => cluster.trim()),
  'lower-cases clusters': inCluster((cluster) => cluster.toLowerCase()),
  'normalises clusters': inCluster((cluster) => cluster.normalize('NFC')),
  'cuts clusters at NUL': inCluster((cluster) => cluster.split('\0')[0] ?? ''),
  'cuts a cluster that is too long': inCluster((cluster) => cluster.slice(0, MAX_ID_BYTES)),
  'trims incarnations': asIncarnation((incarnation) => incarnation.trim()),
  'lower-cases incarnations': asIncarnation((incarnation) => incarnation.toLowerCase()),
  'normalises incarnations': asIncarnation((incarnation) => incarnation.normalize('NFC')),
  'cuts incarnations at NUL': asIncarnation((incarnation) => incarnation.split('\0')[0] ?? ''),
  'alters an incarnation that is no text': asIncarnation((text) => Buffer.from(text).toString()),
  'expects nobody where it expects somebody': expecting((wanted) => wanted && `not ${wanted}`),
  'expects nothing where it cannot carry what is expected': expecting((wanted) =>
    wanted !== null && wanted.length > MAX_ID_BYTES ? null : wanted,
  ),
  'throws for an incarnation that nobody can have': expecting((wanted) => {
    if (wanted !== null && wanted.length > MAX_ID_BYTES) throw new Error('It is too long.')
    return wanted
  }),
  'expects nothing until setPeers': (inner) =>
    over(inner, {
      open: (options) =>
        inner.open({
          ...options,
          peers: new Map(
            [...expectedPeers(options.peers)].map(([id, { address }]) => [id, address]),
          ),
        }),
    }),
  'knows senders by their address': (inner, { owners }) =>
    over(inner, {
      async open(options) {
        const receive: TransportOpen['receive'] = (from, frame) =>
          options.receive(owners.get(`who ${from} is`) ?? from, frame)
        await inner.open({ ...options, receive })
        const owner = owners.get(inner.address) ?? options.id
        owners.set(inner.address, owner).set(`who ${options.id} is`, owner)
      },
    }),
  'blocks in send before open': blocking('new'),
  'blocks in send while opening': blocking('opening'),
  'blocks in send after close': blocking('closed'),
  'throws in send while opening': acting((inner, to, frame, { phase }) => {
    if (phase === 'opening') throw new Error('It is not open yet.')
    inner.send(to, frame)
  }),
  'takes frames above the maximum before open': taking((_, { phase }) => phase === 'new'),
  'takes frames above the maximum after close': taking((_, { phase }) => phase === 'closed'),
  'takes frames above the maximum for nobody': taking((to, { book }) => !book.has(to)),
  'returns a promise that may reject': (inner) =>
    Object.assign(over(inner, {}), {
      send: async (to: NodeId, frame: Uint8Array) => inner.send(to, frame),
    }),
  'keeps everything for a peer that is down': keeping(
    (to, { book }) => book.get(to) === 'honest:deserted',
  ),
  'keeps everything for an address that is nonsense': keeping(
    (to, { book }) => book.has(to) && !expectedPeers(book).get(to)?.address.startsWith('honest:'),
  ),
  'keeps everything for somebody unknown': keeping((to, { book }) => !book.has(to)),
  'keeps everything of peers that left': keeping((to) => to.startsWith('left')),
  'keeps everything while it opens': keeping((_, { phase }) => phase === 'opening'),
  'keeps everything for the time after close': keeping((_, { phase }) => phase === 'closed'),
  'lets all wait for a peer that is down': (inner, network) => {
    let isStuck = false
    const spoil = acting((within, to, frame, { book }) => {
      isStuck ||= book.get(to) === 'honest:deserted'
      if (!isStuck || frame.byteLength > MAX_FRAME_BYTES) within.send(to, frame)
    })
    return spoil(inner, network)
  },
  'hears only whom setPeers named': (inner) => {
    const named = new Set<NodeId>()
    return over(inner, {
      open: (options) =>
        inner.open({
          ...options,
          receive(from, frame) {
            if (named.has(from)) options.receive(from, frame)
          },
        }),
      setPeers(peers) {
        for (const id of peers.keys()) named.add(id)
        inner.setPeers(peers)
      },
    })
  },
  'delivers to whom opened it last': (inner) => {
    let last: TransportOpen | null = null
    return over(inner, {
      open(options) {
        last = options
        return inner.open({ ...options, receive: (from, frame) => last?.receive(from, frame) })
      },
    })
  },
  'closes at once when it is closed again': (inner) => {
    let isClosing = false
    return over(inner, {
      async close() {
        if (isClosing) return
        isClosing = true
        await new Promise((resolve) => {
          setTimeout(resolve, 10)
        })
        await inner.close()
      },
    })
  },
  'has no figures before it is open': (inner) => {
    let isOpen = false
    return over(inner, {
      async open(options) {
        await inner.open(options)
        isOpen = true
      },
      figures() {
        if (!isOpen) throw new Error('It is not open.')
        return figuresOf(inner)
      },
    })
  },
  'says that a connection stands to everybody': (inner) =>
    over(inner, { figures: () => withConnections(figuresOf(inner), () => true) }),
  'says that a connection stands to nobody': (inner) =>
    over(inner, { figures: () => withConnections(figuresOf(inner), () => false) }),
  'begins to count again with each book': (inner) => {
    let before = 0
    const sentToB = (): number => figuresOf(inner).peers.get('b')?.sent ?? 0
    return over(inner, {
      setPeers(peers) {
        inner.setPeers(peers)
        before = sentToB()
      },
      figures() {
        const { peers, refused } = figuresOf(inner)
        const counted = [...peers].map(
          ([id, known]) => [id, { ...known, sent: Math.max(0, known.sent - before) }] as const,
        )
        return { peers: new Map(counted), refused }
      },
    })
  },
} satisfies Readonly<Record<string, Spoil>>

export type SpoiledFault = keyof typeof SPOILS

const isFault = (name: string): name is SpoiledFault => name in SPOILS

export const SPOILED_FAULTS: readonly SpoiledFault[] = Object.keys(SPOILS).filter(isFault)

/** The honest network, with `fault` between it and its users. */
export function spoiledHarness(fault: SpoiledFault): TransportHarness {
  const honest = honestHarness()
  const network: Network = { pieces: new Map(), owners: new Map() }
  const spoil: Spoil = SPOILS[fault]
  return { ...honest, transport: () => spoil(honest.transport(), network) }
}

function withConnections(
  { peers, refused }: TransportFigures,
  isConnected: (id: NodeId) => boolean,
): TransportFigures {
  const told = [...peers].map(
    ([id, known]) => [id, { ...known, isConnected: isConnected(id) }] as const,
  )
  return { peers: new Map(told), refused }
}

function figuresOf(transport: Transport): ReturnType<NonNullable<Transport['figures']>> {
  return transport.figures?.() ?? { peers: new Map(), refused: {} }
}

/** `inner`, but for what `methods` do. */
function over(inner: Transport, methods: Partial<Omit<Transport, 'address'>>): Transport {
  return {
    open: (options) => inner.open(options),
    get address() {
      return inner.address
    },
    setPeers: (peers) => inner.setPeers(peers),
    send: (to, frame) => inner.send(to, frame),
    figures: () => figuresOf(inner),
    close: () => inner.close(),
    ...methods,
  }
}
