/**
 * Several measurements of one thing, in few numbers. Pure.
 */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Where `share` of the values are below: 0.5 is the median. `NaN` of nothing. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))] ?? NaN
}

/** In the middle of two where their number is even. `NaN` of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN
  return (lower + upper) / 2
}

/** Of what was measured; `null` when nothing was. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const measured = values.filter((value) => value !== null && Number.isFinite(value))
  const numbers = measured.map(Number)
  if (numbers.length === 0) return null
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) }
}

/** What each value is beside the one of the same round; `null` where either was not measured. */
export function ratios(
  values: readonly (number | null)[],
  others: readonly (number | null)[],
): (number | null)[] {
  return values.map((value, round) => {
    const other = others[round] ?? null
    return value === null || other === null || other === 0 ? null : value / other
  })
}
