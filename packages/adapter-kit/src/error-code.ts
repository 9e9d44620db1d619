/** The code by which a system, or a library, says what went wrong. */

/** Such as 'ENOENT', or 'an unknown error'. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'an unknown error'
}
