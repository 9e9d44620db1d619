/**
 * The harness of a transport whose nodes prove who they are by certificates, and of those who only
 * say so. Must know nothing of the transport but what is to be shown to it.
 */
import type { NodeId, Transport } from '@paxos/core'
import { IMPOSTOR_IDS, TRANSPORT_IDS } from '../ids.ts'
import { testAuthority } from '../authority.ts'
import type { TestAuthority, TestCertificate } from '../authority.ts'
import type { TransportHarness } from './world.ts'

/** What a node shows to its peers, and whom it trusts, in PEM. */
export interface TestCredentials extends TestCertificate {
  /** The certificate of the one authority that it trusts. */
  readonly ca: string
}

/** A transport over TLS, and how it is made. */
export interface CertifiedTransport extends Omit<TransportHarness, 'transport' | 'impostors'> {
  /** One that shows these, which are those of the id that it is opened with. */
  readonly transport: (credentials: TestCredentials) => Transport
  /** One that opens with any id, whatever these are, and lets everybody in. */
  readonly impostor: (credentials: TestCredentials) => Transport
}

/**
 * What transportConformance() is given for a transport over TLS: nodes with a certificate of their id,
 * as common name, and impostors with one of another node, or of an authority that nobody trusts.
 */
export async function certifiedHarness({
  transport,
  impostor,
  ...places
}: CertifiedTransport): Promise<() => TransportHarness> {
  const [authority, otherAuthority] = [await testAuthority(), await testAuthority()]
  const { ca } = authority
  const own = await issued(authority, TRANSPORT_IDS)
  const foreign = await issued(otherAuthority, IMPOSTOR_IDS)
  const another = await authority.issue({ commonName: 'another node' })
  return () => ({
    ...places,
    transport: () => madeWhenOpened((id) => transport({ ca, ...certificateOf(own, id) })),
    impostors: {
      'a certificate of another node': () => impostor({ ca, ...another }),
      'a certificate of another authority': () =>
        madeWhenOpened((id) => impostor({ ca, ...certificateOf(foreign, id) })),
    },
  })
}

type Certificates = ReadonlyMap<NodeId, TestCertificate>

async function issued(authority: TestAuthority, ids: readonly NodeId[]): Promise<Certificates> {
  const certificates = ids.map(
    async (id) => [id, await authority.issue({ commonName: id })] as const,
  )
  return new Map(await Promise.all(certificates))
}

/** An id that no certificate can name has another's: it is refused before that matters. */
function certificateOf(certificates: Certificates, id: NodeId): TestCertificate {
  const certificate = certificates.get(id) ?? certificates.get('a')
  if (certificate === undefined) throw new Error(`No certificate was issued to '${id}'.`)
  return certificate
}

/**
 * A transport that is made when it is opened, for the id that it is opened with: a suite names its nodes
 * only then, and what belongs to a node has to be there before.
 */
function madeWhenOpened(make: (id: NodeId) => Transport): Transport {
  // Before open() every transport is the same.
  let inner = make('a')
  let isNew = true
  const outer: Transport = {
    open(options) {
      if (isNew) inner = make(options.id)
      isNew = false
      return inner.open(options)
    },
    get address() {
      return inner.address
    },
    setPeers: (peers) => inner.setPeers(peers),
    send: (to, frame) => inner.send(to, frame),
    close: () => inner.close(),
  }
  if (inner.figures === undefined) return outer
  return Object.assign(outer, { figures: () => inner.figures?.() ?? NO_FIGURES })
}

const NO_FIGURES = { peers: new Map(), refused: {} }
