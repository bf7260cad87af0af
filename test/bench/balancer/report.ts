import type { Figure, Memory, Row } from './figures.ts';

const REFERENCE = 'HAProxy';
const OURS = 'Bramble';
const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

/** The figures as a table for people: ratios are ours to the reference. */
export function table(rows: readonly Row[], memory: readonly Memory[]): string {
  const lines = [
    line([
      ...['', 'HAProxy', 'Bramble', 'ratio', 'http-proxy-3'],
      ...['p99 ms', 'CPU µs each', 'ratio', 'RSS MiB'],
    ]),
  ];
  for (const { name, unit, figures } of rows) {
    const [theirs, ours, library] = [REFERENCE, OURS, 'http-proxy-3'].map((one) => figures[one]);
    if (!theirs || !ours) continue;
    const rate = (figure: Figure | undefined): string => {
      if (!figure) return '-';
      const failed = figure.failures > 0 ? ` (${figure.failures} failed)` : '';
      return `${figure.rate.toFixed(figure.rate < 100 ? 2 : 0)}${failed}`;
    };
    lines.push(
      line([
        `${name}, ${unit}`,
        rate(theirs),
        rate(ours),
        (ours.rate / theirs.rate).toFixed(2),
        rate(library),
        pair(theirs.p99, ours.p99, 1),
        pair(theirs.cost, ours.cost, 0),
        (ours.cost / theirs.cost).toFixed(2),
        pair(theirs.resident / MEBIBYTE, ours.resident / MEBIBYTE, 0),
      ]),
    );
  }
  if (memory.length > 0) lines.push('', line(['KiB for each idle connection', REFERENCE, OURS]));
  for (const { plane, count, bytes } of memory) {
    const cells = [REFERENCE, OURS, 'http-proxy-3'].map((name) => {
      const size = bytes[name];
      return size === undefined ? '-' : (size / KIBIBYTE).toFixed(1);
    });
    const [theirs, ours, library] = cells as [string, string, string];
    lines.push(line([`${count} of ${plane}`, theirs, ours, '', library]));
  }
  return lines.join('\n');
}

const pair = (theirs: number, ours: number, digits: number): string =>
  `${theirs.toFixed(digits)} / ${ours.toFixed(digits)}`;

const WIDTHS = [34, 10, 10, 7, 14, 15, 13, 7, 11];

function line(cells: readonly string[]): string {
  const [first = '', ...rest] = cells;
  return first.padEnd(WIDTHS[0]!) + rest.map((cell, i) => cell.padStart(WIDTHS[i + 1]!)).join('');
}
