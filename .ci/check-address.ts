/**
 * Refuses a release as long as the address of the repository leads nowhere: npm would show it with
 * every package for good.
 */
import { addressOf, isReserved } from '../docs/checks/address.ts'
import { readManifest } from '../docs/checks/repository.ts'

const address = addressOf(readManifest('package.json').repository?.url)
if (isReserved(address)) {
  console.error(
    `${address} is a name for examples, and leads nowhere. Write where this repository is as ` +
      'repository.url of package.json; pnpm test then says which fields of the packages repeat it.',
  )
  process.exitCode = 1
}
