/**
 * What a process has open until it is told to end, at whatever moment that is. Must never leave open
 * what was still being opened then.
 */

/** Something that is open. */
interface Open {
  readonly close: () => Promise<void>
}

export interface Lifetime<Opened extends Open> {
  /** What `make` opens; `null` where the end comes before it is open. */
  open(make: () => Promise<Opened>): Promise<Opened | null>
  /** Resolves when everything is closed, also what was being opened. Nothing is opened any more. */
  end(): Promise<void>
}

export function lifetime<Opened extends Open>(): Lifetime<Opened> {
  const opening = new Set<Promise<Opened>>()
  let isOver = false
  return {
    async open(make) {
      if (isOver) return null
      const opened = make()
      opening.add(opened)
      const it = await opened
      return isOver ? null : it
    },
    async end() {
      isOver = true
      // One that could not be opened is told of by whoever asked for it.
      const ends = Array.from(opening, (opened) =>
        opened.then(
          (it) => it.close(),
          () => undefined,
        ),
      )
      await Promise.all(ends)
    },
  }
}
