/**
 * Whether the summaries that `pnpm conformance` writes into READMEs are of the suites as they are.
 * Reads only; that the promises are kept is for the suites themselves.
 */

const PLACE = /<!-- paxos-conformance -->\n([\s\S]*?)<!-- \/paxos-conformance -->/
const LINE =
  /^> \*\*Conformance(?:, .+)?:\*\* (\d+) of (\d+) promises of (a [a-z ]+) kept(?:; not applicable: (.*))?\.$/
const WHY_NOT = /(\d+) without [A-Za-z]+ \([^()]+\)/g

/** What is wrong with the summary in `readme`. `counts`: how many promises each kind of adapter makes. */
export function badgeProblems(
  readme: string,
  counts: Readonly<Partial<Record<string, number>>>,
): string[] {
  const lines = (PLACE.exec(readme)?.[1] ?? '').split('\n').filter((line) => line !== '')
  if (lines.length === 0) return ['There is no summary. Run pnpm conformance.']
  return lines.flatMap((line) => {
    const [, kept = '', total = '', kind = '', reasons = ''] = LINE.exec(line) ?? []
    const count = counts[kind]
    if (count === undefined) return [`This is no summary: ${line}`]
    if (Number(total) !== count) return [`${kind} has ${count} promises, and not ${total}.`]
    const explained = [...reasons.matchAll(WHY_NOT)].map(([, number]) => Number(number))
    const rest = explained.reduce((left, number) => left - number, count - Number(kept))
    return rest === 0 ? [] : [`${rest} promises are left unexplained: ${line}`]
  })
}
