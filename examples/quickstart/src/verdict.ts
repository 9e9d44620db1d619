/**
 * Judges what the nodes say. It must never call a disagreement anything else.
 */

/** Whether all nodes say the same, and somebody had proposed it. */
export type Verdict =
  | { readonly type: 'agreement'; readonly value: string }
  | { readonly type: 'disagreement'; readonly values: readonly string[] }
  | { readonly type: 'invention'; readonly value: string }

/** `proposed` is `null` when the proposals are not known, as they are of an earlier run. */
export function judge(
  views: ReadonlyMap<string, string>,
  proposed: readonly (string | undefined)[] | null,
): Verdict {
  const values = [...new Set(views.values())]
  const [value] = values
  if (values.length !== 1 || value === undefined) return { type: 'disagreement', values }
  if (proposed !== null && !proposed.includes(value)) return { type: 'invention', value }
  return { type: 'agreement', value }
}
