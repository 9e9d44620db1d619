/** Plays the scenarios of a suite without a test runner, to see which of them fail. */
import type { Runner } from '@paxos/testkit'

/**
 * One that waits for what never comes has failed. Counted in looks and not in time: a busy machine
 * gives this process, and so the scenario, as many turns between them as an idle one.
 */
const LOOKS = 40
const LOOK_AGAIN_AFTER_MS = 20

interface Scenario {
  readonly title: string
  readonly body: () => Promise<void>
}

/** The scenarios that `suite` defines. */
export function scenariosOf(suite: (runner: Runner) => void): readonly Scenario[] {
  const found: Scenario[] = []
  let part = ''
  suite({
    describe(title, body) {
      part = title
      body()
    },
    it: (title, body) => found.push({ title: `${part} ${title}`, body }),
  })
  return found
}

export async function play({ body }: Scenario): Promise<'passed' | 'failed'> {
  let outcome: 'passed' | 'failed' | null = null
  void body().then(
    () => (outcome = 'passed'),
    () => (outcome = 'failed'),
  )
  for (let looks = 0; looks < LOOKS; looks += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, looks === 0 ? 0 : LOOK_AGAIN_AFTER_MS)
    })
    if (outcome !== null) return outcome
  }
  return 'failed'
}

/** As `play`, for one that ends: however long it takes. */
export async function playToTheEnd({ body }: Scenario): Promise<'passed' | 'failed'> {
  return body().then(
    () => 'passed' as const,
    () => 'failed' as const,
  )
}
