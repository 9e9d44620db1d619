/** What the suites say of an adapter, under a runner and without one, and what the command does. */
import { describe, expect, it } from 'vitest'
import { runConformance, transportConformance } from '@paxos/testkit'
import type { ConformanceReport, Runner, TransportHarness } from '@paxos/testkit'
import { badgeOf, withBadge } from '../src/conformance/badge.ts'
import { HELP, runCommand } from '../src/conformance/command.ts'
import { recorder } from '../src/conformance/report.ts'
import { honestDurability } from './honest-durability.ts'
import { honestHarness } from './honest.ts'

const PLACE = '<!-- paxos-conformance -->\n<!-- /paxos-conformance -->'

/** Of four promises two are kept, one is broken, and one does not apply. */
function smallSuite(runner: Runner): ConformanceReport {
  const { describe: part, it: promise, report } = recorder('transport', runner)
  part('frames', () => {
    promise('arrive', () => Promise.resolve())
    promise('are whole', () => Promise.reject(new TypeError('cut\nin two')))
  })
  part('figures', () => {
    promise('are told', async (lacks) => lacks('figures', 'nobody counts'))
    promise('are right', () => Promise.resolve())
  })
  return report
}

function endlessSuite(runner: Runner): ConformanceReport {
  const { it: promise, report } = recorder('durability', runner)
  promise('ends', () => new Promise(() => undefined))
  promise('is another', () => Promise.resolve())
  return report
}

/** Honest, and without figures. */
function quietHarness(): TransportHarness {
  const honest = honestHarness()
  return {
    ...honest,
    transport() {
      const transport = honest.transport()
      return {
        open: (options) => transport.open(options),
        get address() {
          return transport.address
        },
        setPeers: (peers) => transport.setPeers(peers),
        send: (to, frame) => transport.send(to, frame),
        close: () => transport.close(),
      }
    },
  }
}

describe('a report', () => {
  it('is filled in while any runner runs, and says what is open until then', async () => {
    const bodies: (() => Promise<void>)[] = []
    const report = smallSuite({ describe: (_, body) => body(), it: (_, body) => bodies.push(body) })
    expect([report.kept, report.open]).toEqual([0, 4])
    await bodies[0]?.()
    await expect(bodies[1]?.()).rejects.toThrow('cut')
    await bodies[2]?.()
    expect([report.kept, report.broken, report.notApplicable, report.open]).toEqual([1, 1, 1, 1])
    expect(String(report).split('\n')).toEqual([
      '1 of 4 promises of a transport kept',
      '  not applicable: 1 without figures: nobody counts',
      '  BROKEN: frames are whole',
      '      TypeError: cut',
      '      in two',
      '  not run, or not ended: figures are right',
    ])
  })

  it('of a run without a runner has everything, in order, and goes on after what is broken', async () => {
    const told: string[] = []
    const report = await runConformance(smallSuite, {
      onPromise: ({ title, outcome }) => told.push(`${title}: ${outcome}`),
    })
    expect(told).toEqual([
      'arrive: kept',
      'are whole: broken',
      'are told: not applicable',
      'are right: kept',
    ])
    expect([report.kept, report.broken, report.open]).toEqual([2, 1, 0])
  })

  it('calls broken what does not end, and what was not asked for open', async () => {
    const report = await runConformance(endlessSuite, { timeoutMs: 1, only: 'ends' })
    expect([report.broken, report.open]).toEqual([1, 1])
    expect(String(report)).toContain('It has not ended within 1 ms.')
  })

  it('names what a transport lacks, with the reason that was given, and passes it', async () => {
    const reason = 'it is too simple to count'
    const report = await runConformance(
      (runner) => transportConformance(quietHarness, runner, { figures: reason }),
      { only: 'figures' },
    )
    expect(report.broken).toBe(0)
    expect(report.notApplicable).toBe(9)
    expect(String(report)).toContain(`not applicable: 9 without figures: ${reason}`)
  })

  it('names one in which nothing proves who a node is, and says which impostor was heard', async () => {
    const { impostors, ...credulous } = honestHarness()
    const only = 'impostors'
    const without = await runConformance(
      (runner) => transportConformance(() => credulous, runner),
      {
        only,
      },
    )
    expect([without.kept, without.broken]).toEqual([0, 0])
    expect(String(without)).toContain('5 without impostors: nothing proves who a node is')
    const heard = await runConformance(
      (runner) =>
        transportConformance(() => honestHarness('believes who has no credentials'), runner),
      { only },
    )
    expect(heard.broken).toBeGreaterThan(0)
    expect(String(heard)).toContain(
      'An impostor who has no credentials: What it sent was delivered.',
    )
    expect(Object.keys(impostors ?? {})).toContain('no credentials')
  })

  it('names a medium without connections', async () => {
    const report = await runConformance(
      (runner) => transportConformance(() => honestHarness(), runner),
      { only: 'whether a connection stands' },
    )
    expect(report.promises.filter(({ outcome }) => outcome === 'not applicable')).toMatchObject([
      { capability: 'connections', reason: 'the medium knows none' },
    ])
  })
})

describe('the summary in a README', () => {
  it('replaces what stands between the two comments, and nothing else', async () => {
    const badge = badgeOf([{ name: 'mine:', report: await runConformance(smallSuite) }])
    expect(badge).toBe(
      '> **Conformance, mine::** 2 of 4 promises of a transport kept; ' +
        'not applicable: 1 without figures (nobody counts).',
    )
    const once = withBadge(`# Mine\n${PLACE}\nend`, badge)
    expect(once).toBe(
      `# Mine\n<!-- paxos-conformance -->\n\n${badge}\n\n<!-- /paxos-conformance -->\nend`,
    )
    expect(withBadge(once, badge)).toBe(once)
  })

  it.each([
    ['nothing', '# Mine'],
    ['no end', '# Mine\n<!-- paxos-conformance -->'],
    ['two places', `${PLACE}\n${PLACE}`],
    ['an end before the beginning', '<!-- /paxos-conformance -->\n<!-- paxos-conformance -->'],
  ])('needs its place: with %s it says which lines to write', (_, readme) => {
    expect(() => withBadge(readme, 'x')).toThrow(/Write these two lines once/)
  })
})

/** What the command did to a world in which `exported` is the module's default export. */
async function run(
  exported: unknown,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string; readme: string }> {
  const seen = { out: '', err: '', readme: `# Mine\n${PLACE}\n` }
  const code = await runCommand(args, {
    load: (path) =>
      path === './harness.js'
        ? Promise.resolve({ default: exported })
        : Promise.reject(new Error(`There is no module ${path}.`)),
    read: () => seen.readme,
    write: (_, text) => (seen.readme = text),
    out: (text) => (seen.out += text),
    err: (text) => (seen.err += text),
  })
  return { code, ...seen }
}

describe('paxos-conformance', () => {
  const honest = { transport: () => honestHarness() }

  it('shows each promise as it is decided, then the report, and exits with 0', async () => {
    const { code, out } = await run(honest, './harness.js', '--only', 'plain bytes')
    expect(code).toBe(0)
    expect(out.split('\n')).toEqual([
      '  frames',
      '    ✓ P7: arrive as plain bytes, whatever was sent',
      "of those with 'plain bytes': 1 kept, 0 broken, 0 not applicable",
      '',
    ])
  })

  it('exits with 1 for a broken promise, says what it was, and leaves the README', async () => {
    const broken = { transport: () => honestHarness('hands on the subclass that was sent') }
    const args = ['./harness.js', '--only', 'plain bytes', '--badge', 'README.md', '--quiet']
    const { code, out, readme } = await run(broken, ...args)
    expect(code).toBe(1)
    expect(out).toContain('BROKEN: frames P7: arrive as plain bytes')
    expect(readme).toBe(`# Mine\n${PLACE}\n`)
  })

  it('tests each of several, durabilities too, under its name', async () => {
    const { code, out } = await run(
      [
        { name: 'first', ...honest },
        { name: 'second', durability: () => honestDurability() },
      ],
      './harness.js',
      '--quiet',
      '--only',
      'again and again',
    )
    expect(code).toBe(0)
    expect(out).toContain('first\n')
    expect(out).toContain("second\nof those with 'again and again': 2 kept")
  })

  it('writes no summary of what was not run as a whole', async () => {
    const args = ['./harness.js', '--only', 'plain bytes', '--badge', 'README.md']
    const { code, err, readme } = await run(honest, ...args)
    expect(code).toBe(2)
    expect(err).toMatch(/README\.md stays as it is.*Leave --only out/)
    expect(readme).toBe(`# Mine\n${PLACE}\n`)
  })

  it('explains itself', async () => {
    expect(await run(honest, '--help')).toMatchObject({ code: 0, out: HELP })
  })

  it.each([
    ['no module', honest, [], /Which module has the harness/],
    ['two modules', honest, ['./harness.js', './b.js'], /One module at a time, and not \.\/b\.js/],
    ['a module that is not there', honest, ['./x.js'], /x\.js cannot be used: There is no module/],
    ['no default export', undefined, ['./harness.js'], /no default export\. Write `export default/],
    ['a function', () => honest, ['./harness.js'], /are a function/],
    ['neither kind', { name: 'x' }, ['./harness.js'], /no function to make a harness/],
    ['a misspelt option', { transprot: 1 }, ['./harness.js'], /Did you mean 'transport'/],
    ['an unknown option', honest, ['./harness.js', '--fast'], /--fast/],
    ['no time', honest, ['./harness.js', '--timeout', '0'], /Give seconds, from above 0/],
    ['words that nothing holds', honest, ['./harness.js', '--only', 'xyzzy'], /No promise holds/],
  ])('exits with 2 for %s, and says the way out', async (_, exported, args, complaint) => {
    const { code, err } = await run(exported, ...args)
    expect(code).toBe(2)
    expect(err).toMatch(complaint)
  })
})
