/**
 * How a call ended, as something to compare. Must never hide an error that has no code.
 */

/** The code of the error that `promise` rejects with; `null` when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}
