/**
 * Prints rows of text as a table.
 */
export function printTable(rows: readonly (readonly string[])[]): void {
  const columns = rows[0]?.length ?? 0
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  )
  for (const cells of rows) {
    const padded = cells.map((cell, column) => cell.padStart(widths[column] ?? 0))
    process.stdout.write(`${padded.join('  ')}\n`)
  }
}
