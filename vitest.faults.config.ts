import { defineConfig } from 'vitest/config';

/** The fault tests: real processes are killed, frozen and cut off, so one file runs at a time. */
export default defineConfig({
  test: {
    name: 'faults',
    include: ['test/faults/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: process.env.BRAMBLE_FAULTS === 'long' ? 900_000 : 180_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/faults/table-reporter.ts', './test/support/count-reporter.ts'],
  },
});
