import { defineConfig } from 'vitest/config';

const project = (name: string, timeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
  },
});

export default defineConfig({
  test: {
    // Forks, since tests start real processes and watch their own memory.
    pool: 'forks',
    // Tests wait for processes more than they compute: one a core would leave half of it idle.
    maxWorkers: 3,
    reporters: ['default', './test/support/count-reporter.ts'],
    projects: [project('unit', 10_000), project('integration', 120_000)],
  },
});
