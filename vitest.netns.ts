/**
 * The tests that want a network like the real ones: packets of 1,500 bytes, where loopback has
 * 65,536. They know nothing of namespaces, and hold on any machine; whoever runs them makes one:
 *
 *     unshare --net sh -c 'ip link set lo up mtu 1500 && exec npx vitest run --config ../../vitest.netns.ts'
 *
 * in a package. Must never point at dist.
 */
import { configDefaults, defineConfig, mergeConfig } from 'vitest/config'
import shared from './vitest.shared.ts'

const { test, ...rest } = shared

export default mergeConfig(
  defineConfig(rest),
  defineConfig({
    test: {
      ...test,
      include: ['test/**/*.netns.test.ts'],
      exclude: configDefaults.exclude,
      passWithNoTests: true,
    },
  }),
)
