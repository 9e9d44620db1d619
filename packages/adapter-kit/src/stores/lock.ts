/** What keeps everybody else away from a store while it is open. */
export interface Lock {
  /**
   * Whether nobody else can have got it: not once what it stands on was removed, moved or replaced,
   * for then the next one to come finds no holder.
   */
  isHeld(): Promise<boolean>
  release(): Promise<void>
}
