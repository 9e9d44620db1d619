/**
 * The wire types of protobuf: the low three bits of a tag, which say how long the field is even to
 * somebody who does not know it. Groups (3 and 4) are not here: they have no place in proto3.
 */
export const VARINT = 0
export const FIXED_64 = 1
export const LENGTH_DELIMITED = 2
export const FIXED_32 = 5
