/** The README of a new package: what its users need, and what its author does next. */
import type { Kind } from './kind.ts'
import type { Names } from './names.ts'

/** In Markdown. */
export function readmeOf(
  { packageName, medium, factory }: Names,
  kind: Kind,
  repository: string | null,
): string {
  const [test, conformance] =
    repository === null ? ['npm test', 'npm run conformance'] : ['pnpm test', 'pnpm conformance']
  const isTransport = kind !== 'durability'
  const what = isTransport ? 'transport' : 'durability adapter'
  const use = isTransport
    ? `  members: { a: '${medium}://a', b: '${medium}://b', c: '${medium}://c' },
  transport: ${factory}(),`
    : `  durability: ${factory}('a'),`
  const other = isTransport
    ? '  durability: …, // of @paxos/durability-file, say'
    : '  transport: …, // of @paxos/transport-websocket, say'
  const register = isTransport ? 'registerTransport' : 'registerDurability'
  return `# ${packageName}

A ${what} of [@paxos](https://www.npmjs.com/package/@paxos/core) over ${medium}.

<!-- paxos-conformance -->
<!-- /paxos-conformance -->

\`\`\`sh
npm install @paxos/core @paxos/replica ${packageName}
\`\`\`

\`\`\`js
import { Replica } from '@paxos/replica'
import { ${factory} } from '${packageName}'

const replica = await Replica.open({
  id: 'a',
${use}
${other}
  stateMachine: …,
})
\`\`\`

By URL: \`${register}('${medium}', () => import('${packageName}'))\` of \`@paxos/replica/url\`.

## Where to begin

\`src/${medium}.ts\` works, over a stand-in for ${medium} that does not leave the process. Put ${medium} in its place, one part after another; the comments say what each part must do, and \`${test}\` says what is missing: it runs the conformance suite of @paxos, in which every promise of the contract is a test. \`${conformance}\` writes at the top of this page what is kept. Then delete this section.
`
}
