/**
 * Gives @paxos/transport-grpc the files that its transport.proto imports, so that the package is
 * complete by itself. They stand in the packages that they describe, and nowhere else in the
 * repository. Called in the folder of the package, as a part of its build.
 */
import { copyFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ROOT } from '../docs/checks/repository.ts'

const SOURCES = ['packages/core/proto/paxos.proto', 'packages/adapter-kit/proto/link.proto']

for (const source of SOURCES) copyFileSync(join(ROOT, source), join('proto', basename(source)))
