/** What the main thread asks of a node, and what it is answered. */
export type Order =
  /** Writes a line into the book, and answers when it is there. */
  | { readonly type: 'write'; readonly line: string }
  /** Answers with every line that was answered before, in order. */
  | { readonly type: 'read' }
  /** Answers with the id of the leader, as soon as there is one. */
  | { readonly type: 'leader' }
  /** Ends the thread, and is not answered. */
  | { readonly type: 'leave' }

/** Whose thread it is. */
export interface NodeSettings {
  readonly id: string
  readonly members: Readonly<Record<string, string>>
}
