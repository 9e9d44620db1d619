#!/usr/bin/env node
/**
 * The program `paxos-data`. See data-command.ts, which is all of it but the process.
 */
import { runDataCommand } from './data-command.ts'
import { openDurability } from './url.ts'

process.exitCode = await runDataCommand(process.argv.slice(2), {
  open: (url) => openDurability(url),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
})
