import { randomBytes } from 'node:crypto'
import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { sharedFolder } from '../src/shared-folder.ts'
import { mailboxIn, newFolder } from './folder.ts'

const folder = newFolder()
const authentication = { sign: randomBytes(32) }
let nodes = 0

transportConformance(
  () => ({
    transport: () => sharedFolder({ authentication }),
    listen: () => mailboxIn(folder, `node-${(nodes += 1)}`),
    deserted: mailboxIn(folder, 'nobody'),
    malformed: ['', 'file:', 'file://', 'file://host/a', 'udp://127.0.0.1:7000'],
    impostors: {
      'another key': () => sharedFolder({ authentication: { sign: randomBytes(32) } }),
      'no key': () => sharedFolder(),
    },
  }),
  { describe, it },
)
