/**
 * Where the repository is on the web, and what follows from it for what npm shows of a package. The
 * root's package.json alone decides it. Links are relative in the work tree, so that they lead
 * somewhere wherever it is; npm shows a README on a page of its own, so there they are absolute.
 */
import { posix } from 'node:path'
import { links } from './markdown.ts'
import type { Package } from './repository.ts'

/** The branch whose files the links show. */
const BRANCH = 'main'

/** Names that are set aside for examples (RFC 2606, RFC 6761): they lead nowhere, for anybody. */
const RESERVED = /(?:^|\.)(?:example(?:\.(?:com|net|org))?|invalid|test|localhost)$/

/** The address that `repositoryUrl`, which is npm's form with git+ and .git, stands for. */
export function addressOf(repositoryUrl: string | undefined): string {
  const address = /^git\+(https:\/\/.+)\.git$/.exec(repositoryUrl ?? '')?.[1]
  if (address !== undefined) return address
  throw new TypeError(
    `repository.url is '${repositoryUrl}' in package.json. Write it as git+https://host/path.git.`,
  )
}

/** Whether nobody can ever be found at `address`, so that nothing may be published with it. */
export function isReserved(address: string): boolean {
  return RESERVED.test(new URL(address).hostname)
}

/** What package.json says wrongly of where the package comes from. */
export function originProblems({ folder, manifest }: Package, address: string): string[] {
  const { name, homepage, bugs, repository } = manifest
  const fields: readonly (readonly [string, unknown, unknown])[] = [
    ['homepage', homepage, `${address}/tree/${BRANCH}/${folder}#readme`],
    ['bugs', bugs, `${address}/issues`],
    ['repository', repository, { type: 'git', url: `git+${address}.git`, directory: folder }],
  ]
  return fields
    .filter(([, found, wanted]) => JSON.stringify(found) !== JSON.stringify(wanted))
    .map(([field, , wanted]) => `${name} must have "${field}": ${JSON.stringify(wanted)}.`)
}

/**
 * `markdown`, a document in `folder`, with addresses for its relative links. `isFolder` tells of a
 * path from the top of the repository what it leads to.
 */
export function withAddresses(
  markdown: string,
  folder: string,
  address: string,
  isFolder: (path: string) => boolean,
): string {
  return withLinks(markdown, (target) => {
    if (/^(?:#|[a-z][a-z+.-]*:)/i.test(target)) return target
    const path = posix.join(folder, target)
    return `${address}/${isFolder(path.replace(/#.*/, '')) ? 'tree' : 'blob'}/${BRANCH}/${path}`
  })
}

/** The inverse of withAddresses. */
export function withRelativeLinks(markdown: string, folder: string, address: string): string {
  return withLinks(markdown, (target) => {
    const start = ['blob', 'tree'].map((kind) => `${address}/${kind}/${BRANCH}/`)
    const found = start.find((prefix) => target.startsWith(prefix))
    return found === undefined ? target : posix.relative(folder, target.slice(found.length))
  })
}

/** Links of the README of a package that lead nowhere on its page at npm. */
export function npmLinkProblems(markdown: string): string[] {
  return links(markdown)
    .filter(({ target }) => !/^(?:#|https:)/.test(target))
    .map(({ target, line }) => `README.md, line ${line}: ${target} leads nowhere at npm.`)
}

function withLinks(markdown: string, change: (target: string) => string): string {
  const text = markdown.split('\n')
  for (const { target, line } of links(markdown)) {
    const before = text[line - 1] ?? ''
    const after = change(target)
    text[line - 1] = before
      .replaceAll(`](${target})`, `](${after})`)
      .replaceAll(`]: ${target}`, `]: ${after}`)
  }
  return text.join('\n')
}
