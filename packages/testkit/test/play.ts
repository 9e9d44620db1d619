/** Plays the scenarios of a suite without a test runner, to see which of them fail. */
import type { Runner } from '@paxos/testkit'

/** Long enough for an honest scenario; one that waits for what never comes has failed. */
const PATIENCE_MS = 2000

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
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'failed'>((resolve) => {
    timer = setTimeout(() => resolve('failed'), PATIENCE_MS)
  })
  try {
    return await Promise.race([
      late,
      body().then(
        () => 'passed' as const,
        () => 'failed' as const,
      ),
    ])
  } finally {
    clearTimeout(timer)
  }
}
