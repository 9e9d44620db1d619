/**
 * The tests that want a network like the real ones: packets of 1,500 bytes, where loopback has
 * 65,536. They know nothing of namespaces, and hold on any machine; whoever runs them makes one:
 *
 *     unshare --net sh -c 'ip link set lo up mtu 1500 && exec npx vitest run --config ../../vitest.netns.ts'
 *
 * in a package. Must never point at dist.
 */
import { runOf } from './vitest.shared.ts'

export default runOf(({ path }) => path.endsWith('.netns.test.ts'), { passWithNoTests: true })
