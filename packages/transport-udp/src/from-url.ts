/**
 * How a transport is made from the scheme of an address, by who does not know which package it is
 * in. Must never read more of the address than that it is there: open() is given where to listen.
 */
import { udp } from './udp.ts'
import type { UdpOptions, UdpTransport } from './udp.ts'

/** As udp(options), whatever the `udp:` URL says. Throws InvalidArgumentError as udp() does. */
export function fromUrl(_url: string, options?: UdpOptions): UdpTransport {
  return udp(options)
}
