/** What the codes of the operating system mean to whoever keeps a store in files. */
import type { Sentences } from '../stores/failure.ts'

/** For every code that is likely of a disk: what is wrong, and the way out. */
export const SYSTEM_SENTENCES = {
  ENOSPC: ['the disk is full', 'Free some space, then open it again.'],
  EDQUOT: ['the disk quota is used up', 'Free some space or raise the quota, then open it again.'],
  EIO: ['the device failed', 'Check the disk, then open it again.'],
  EROFS: ['the file system is read-only', 'Mount it for writing, then open it again.'],
  EACCES: ['this user has no access', 'Give this user the right to read and write there.'],
  EPERM: ['this user has no permission', 'Give this user the right to read and write there.'],
  EFBIG: ['a file would be too large', 'Raise the limit on its size, then open it again.'],
  ENOENT: ['there is no such path, and it cannot be made', 'Choose a path on a writable disk.'],
  EEXIST: ['a file is in the way', 'Name a path that is free.'],
  ENOTDIR: ['a file is in the way', 'Name a path that is free.'],
  EISDIR: ['a directory is in the way', 'Name a file.'],
  ELOOP: [
    'a link is in the way, and links are not followed here',
    'Remove it, and ask who made it.',
  ],
  ENAMETOOLONG: ['the path is too long', 'Choose a shorter one.'],
  EMFILE: ['this process has too many files open', 'Raise its limit, or close some.'],
  ENFILE: ['this machine has too many files open', 'Raise its limit, or close some.'],
} as const satisfies Sentences
