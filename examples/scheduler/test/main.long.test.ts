import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../dist/main.js', import.meta.url))

async function run(...args: readonly string[]): Promise<{ code: unknown; lines: string[] }> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const [code] = await once(child, 'close')
  return { code, lines: printed.trimEnd().split('\n') }
}

describe.concurrent('the demonstration', () => {
  it('shows that the table refuses the late write of a holder that was frozen', async () => {
    const { code, lines } = await run()
    expect(lines.at(-3)).toMatch(/^(\w) {2}is told that the run of .* is not its own any more$/)
    expect(lines.at(-2)).toMatch(/^(\w) {2}is refused the run of .*: the table has seen token \d+$/)
    expect(lines.at(-2)?.[0]).toBe(lines.at(-3)?.[0])
    expect(lines.at(-1)).toMatch(/took nothing with a lower token after a higher one/)
    expect(code).toBe(0)
  })

  it('shows that without the check of the token the same write goes through', async () => {
    const { code, lines } = await run('--no-fence')
    expect(lines.at(-2)).toMatch(/^\w {2}writes the run of .*, though it was told$/)
    expect(lines.at(-1)).toMatch(/took 1 with a lower token after a higher one/)
    expect(code).toBe(1)
  })
})
