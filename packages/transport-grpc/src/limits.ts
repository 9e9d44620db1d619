/** Every limit of gRPC beside those of links and sockets, with the reason for its number. */

/**
 * What a connection may bring before the other side is known: what makes a stream in HTTP/2, with
 * room for the headers of other libraries, and a hello.
 */
export const MAX_UNIDENTIFIED_BYTES = 16 << 10

/** Streams on one connection: one is used, and the next may come while it ends. */
export const MAX_STREAMS_PER_CONNECTION = 4

/**
 * Frames other than DATA, WINDOW_UPDATE and PING that one connection may bring in the window below;
 * with more it is closed. A peer brings the few that make a stream, and each costs this node a turn
 * of the loop. (Pings have a limit of their own in HTTP/2: answers that nobody reads.)
 */
export const MAX_CONTROL_FRAMES_PER_WINDOW = 1_000

/** Long enough that a burst which a slow network has held up is still within the limit above. */
export const CONTROL_WINDOW_MS = 10_000

/**
 * What HTTP/2 may keep in memory for one connection, in megabytes, which is the unit of Node. A
 * frame on its way in and one on its way out take two, headers take less.
 */
export const MAX_SESSION_MEGABYTES = 16

/**
 * How long grpc-js would wait before it connects anew by itself, and never does: a dial is one
 * attempt, given up before, and links decides when to try again.
 */
export const RECONNECT_MS = 60_000
