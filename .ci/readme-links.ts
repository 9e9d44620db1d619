/**
 * Before a package is packed, its README gets addresses for its relative links, which lead nowhere
 * on its page at npm (`absolute`); afterwards it is as it was (`relative`). Called in the folder of
 * a package, as its scripts prepack and postpack. Must never change anything but links.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { addressOf, withAddresses, withRelativeLinks } from '../docs/checks/address.ts'
import { readManifest, ROOT } from '../docs/checks/repository.ts'

const folder = relative(ROOT, process.cwd()).replaceAll(sep, '/')
const address = addressOf(readManifest('package.json').repository?.url)
const isFolder = (path: string) => statSync(join(ROOT, path)).isDirectory()
const before = readFileSync('README.md', 'utf8')
const after =
  process.argv[2] === 'absolute'
    ? withAddresses(before, folder, address, isFolder)
    : withRelativeLinks(before, folder, address)
if (after !== before) writeFileSync('README.md', after)
