import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { jsonFile } from '../src/json-file.ts'

const ballot = { round: 1, node: 'a' }

it('what a power cut leaves of a save that was not done is not looked at', async () => {
  const path = await emptyPlace()
  const disk = jsonFile(path)
  await disk.open()
  await disk.save({ promised: ballot })
  await disk.close()
  await writeFile(`${path}.new`, 'half of someth')
  expect((await disk.open()).promised).toEqual(ballot)
  await disk.close()
})

it('saves that come while the disk is busy are written together', async () => {
  const path = await emptyPlace()
  const disk = jsonFile(path)
  await disk.open()
  const saves = Array.from({ length: 100 }, (_, round) =>
    disk.save({ promised: { round: round + 1, node: 'a' } }),
  )
  await saves[0]
  // The first write took what there was; everything else is in the second.
  await saves[1]
  expect(await readFile(path, 'utf8')).toContain('"round":100')
  await Promise.all(saves)
  await disk.close()
})

it('a place that cannot be written is an error that names it, and poisons nothing', async () => {
  const disk = jsonFile('/dev/null/state.json')
  const opening = disk.open()
  await expect(opening).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })
  await expect(opening).rejects.toThrow(
    /^Could not open \/dev\/null\/state\.json: a file is in the way\./,
  )
  await disk.close()
})

async function emptyPlace(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'custom-durability-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return join(directory, 'state.json')
}
