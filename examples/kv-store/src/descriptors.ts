/**
 * How many files and sockets the system lets this process have open. Must never give to clients
 * what the log needs: a node that cannot open its files has to stop.
 */
import { readFileSync } from 'node:fs'
import { ASSUMED_DESCRIPTORS, MAX_CONNECTIONS, RESERVED_DESCRIPTORS } from './limits.ts'

/** How many connections of clients there may be, beside the files and sockets of the node. */
export function connectionsWithin(descriptors: number = limitOfSystem()): number {
  // Where there are few, half of them; a node that runs at all has some files open.
  const reserved = Math.min(RESERVED_DESCRIPTORS, Math.floor(descriptors / 2))
  return Math.max(1, Math.min(MAX_CONNECTIONS, descriptors - reserved))
}

function limitOfSystem(): number {
  try {
    const text = readFileSync('/proc/self/limits', 'utf8')
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1]
    if (soft !== undefined) return soft === 'unlimited' ? Infinity : Number(soft)
  } catch {
    // Not Linux.
  }
  return limitInReport(process.report?.getReport())
}

function limitInReport(report: object | undefined): number {
  const limits: unknown = report === undefined ? null : Reflect.get(report, 'userLimits')
  const open: unknown =
    typeof limits === 'object' && limits !== null ? Reflect.get(limits, 'open_files') : null
  const soft: unknown = typeof open === 'object' && open !== null ? Reflect.get(open, 'soft') : null
  if (soft === 'unlimited') return Infinity
  return typeof soft === 'number' && soft > 0 ? soft : ASSUMED_DESCRIPTORS
}
