import { defineConfig } from 'vitest/config';

/** Tests of what `make image` and `make virtual-pi` built; the boot in QEMU takes minutes. */
export default defineConfig({
  test: {
    name: 'image',
    include: ['test/image/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 900_000,
    reporters: ['default', './test/support/count-reporter.ts'],
  },
});
