#!/usr/bin/env node
/**
 * The program `paxos-conformance`. See command.ts, which is all of it but the process. It ends by
 * itself, whatever a broken adapter has left open.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runCommand } from './command.ts'

process.exit(
  await runCommand(process.argv.slice(2), {
    load: (path) => import(pathToFileURL(resolve(path)).href),
    read: (path) => readFileSync(path, 'utf8'),
    write: (path, text) => writeFileSync(path, text),
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  }),
)
