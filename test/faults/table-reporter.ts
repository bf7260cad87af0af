import type { Reporter, TestModule } from 'vitest/node';
import { COLUMNS } from './report.ts';

/** One table of all scenarios, after the run: what was promised, counted. Times in milliseconds. */
export default class TableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows: string[][] = [['scenario', ...COLUMNS]];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { fault } = test.meta();
        if (fault === undefined) continue;
        const verdict = test.result().state === 'passed' ? '' : '✗ ';
        rows.push([
          `${verdict}${test.name}`,
          ...COLUMNS.map((column) => String(fault[column] ?? '')),
        ]);
      }
    }
    if (rows.length === 1) return;
    const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
    const last = widths.length - 1;
    for (const row of rows) {
      console.log(row.map((cell, i) => (i === last ? cell : cell.padEnd(widths[i]!))).join('  '));
    }
  }
}
