import { defineConfig } from 'vitest/config';

/** Virtual Pis that form a cluster; their clocks are those of one machine, so one file at a time. */
export default defineConfig({
  test: {
    name: 'cluster',
    include: ['test/cluster/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: process.env.BRAMBLE_CLUSTER === 'long' ? 900_000 : 180_000,
    hookTimeout: 300_000,
    // The first that fails leaves nodes in a state that the others do not expect.
    bail: process.env.BRAMBLE_CLUSTER === 'long' ? 0 : 1,
    reporters: ['default', './test/support/count-reporter.ts'],
  },
});
