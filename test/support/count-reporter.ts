import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

const RESULTS = path.resolve(import.meta.dirname, '../../test-results');

/**
 * Closes a run with one line that scripts can read: `N passed, N failed, N skipped`. The files that
 * have failed are listed in `test-results/failed`, for `make retest`; the list is empty when
 * something failed that is in no file.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const failed: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++;
      // A file that cannot even be loaded has no tests, and has failed all the same.
      if (module.errors().length > 0) count.failed++;
      if (!module.ok()) failed.push(module.moduleId);
    }
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(path.join(RESULTS, 'failed'), errors.length > 0 ? '' : failed.join('\n'));
    const skipped = count.skipped + count.pending;
    console.log(`${count.passed} passed, ${count.failed} failed, ${skipped} skipped`);
  }
}
