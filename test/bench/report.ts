import type { Outcome } from './mqtt/run.ts';

export interface Figures {
  /** From the command line to "ready", milliseconds: on new data, and again on the same data. */
  startup: { first: number; again: number };
  rows: { name: string; bramble: Outcome; mosquitto: Outcome }[];
  /** Resident memory, bytes, by process: before the load, and the most that it had. */
  memory: { name: string; atRest: number; peak: number }[];
}

const MEBIBYTE = 1 << 20;

/** The figures as a table for people. */
export function report({ startup, rows, memory }: Figures): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const lines = [
    `Start to ready: ${seconds(startup.first)} on new data, ${seconds(startup.again)} on old`,
    '',
    line(['128-byte messages', 'deliveries/s', 'Mosquitto', 'ratio', 'p99 ms (peer)', 'received']),
  ];
  for (const { name, bramble, mosquitto } of rows) {
    lines.push(
      line([
        name,
        bramble.perSecond.toFixed(0),
        mosquitto.perSecond.toFixed(0),
        (bramble.perSecond / mosquitto.perSecond).toFixed(2),
        `${bramble.p99.toFixed(2)} (${mosquitto.p99.toFixed(2)})`,
        `${bramble.deliveries}/${bramble.expected}`,
      ]),
    );
  }
  lines.push('', line(['resident memory, MiB', 'at rest', 'peak']));
  for (const { name, atRest, peak } of memory) {
    lines.push(line([name, (atRest / MEBIBYTE).toFixed(0), (peak / MEBIBYTE).toFixed(0)]));
  }
  return lines.join('\n');
}

const WIDTHS = [24, 13, 11, 7, 18, 16];

function line(cells: string[]): string {
  const [first, ...rest] = cells;
  return first!.padEnd(WIDTHS[0]!) + rest.map((cell, i) => cell.padStart(WIDTHS[i + 1]!)).join('');
}
