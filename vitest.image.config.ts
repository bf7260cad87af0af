import { defineConfig } from 'vitest/config';

/** Tests of what `make image` and `make virtual-pi` built; the boot in QEMU takes minutes. */
export default defineConfig({
  test: {
    name: 'image',
    include: ['test/image/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    // Under emulation on a busy machine; what waits has bounds of its own.
    testTimeout: 3_600_000,
    hookTimeout: 900_000,
    reporters: ['default', './test/support/count-reporter.ts'],
  },
});
