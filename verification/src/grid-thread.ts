/**
 * A thread that runs the cells of the grid which it is given, one after the other.
 */
import { parentPort } from 'node:worker_threads'
import { runCell } from './grid-cell.ts'
import type { CellRun } from './grid-cell.ts'

parentPort?.on('message', (run: CellRun) => {
  void runCell(run).then((outcome) => parentPort?.postMessage(outcome))
})
