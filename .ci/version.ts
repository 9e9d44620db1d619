/**
 * Gives every package its next version: what `changeset version` does, with the peers on core left
 * out of it. Changesets makes a package major when a peer of it moves, so that adapters would go
 * from 0.1 to 1.0 with core's 0.2. All packages carry one version here (`fixed` in
 * .changeset/config.json), which keeps the peers in step without that. Must leave every peer
 * range as it was.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** The one peer range of this repository, and one that no version leaves. */
const STRICT = '"workspace:^"'
const LOOSE = '"workspace:>=0.0.0"'

const manifests = readdirSync(join(ROOT, 'packages'))
  .map((name) => join(ROOT, 'packages', name, 'package.json'))
  .filter((path) => existsSync(path))

replaceInPeers(STRICT, LOOSE)
try {
  const changeset = join(ROOT, 'node_modules/@changesets/cli/bin.js')
  execFileSync(process.execPath, [changeset, 'version'], { cwd: ROOT, stdio: 'inherit' })
} finally {
  replaceInPeers(LOOSE, STRICT)
}

function replaceInPeers(from: string, to: string): void {
  for (const path of manifests) {
    const text = readFileSync(path, 'utf8')
    const changed = text.replace(/"peerDependencies": \{[^}]*\}/, (peers) =>
      peers.replaceAll(from, to),
    )
    if (changed !== text) writeFileSync(path, changed)
  }
}
