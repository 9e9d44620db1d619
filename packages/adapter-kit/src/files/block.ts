/** No disk in use writes larger blocks: what one write tears does not reach the next block. */
export const BLOCK_BYTES = 4096
