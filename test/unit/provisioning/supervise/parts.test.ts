import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Backoff } from '../../../../provisioning/supervise/backoff.ts';
import { Journal } from '../../../../provisioning/supervise/journal.ts';
import { LineSplitter } from '../../../../provisioning/supervise/line-splitter.ts';
import { LogFile } from '../../../../provisioning/supervise/log-file.ts';
import { parseLogLine } from '../../../../provisioning/supervise/log-line.ts';

test('waits double up to ten seconds, and begin anew after half a minute of health', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 8 }, () => backoff.next(29_999));
  expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  expect(backoff.next(30_000)).toBe(200);
});

describe('log lines', () => {
  test.each([
    ['{"level":"warn","msg":"slow"}', 'warning', 'slow'],
    ['{"level":"fatal","msg":"no port","hint":"move it"}', 'fatal', 'no port (move it)'],
    ['{"level":"info","msg":"fine"}', 'info', 'fine'],
    ['[12] 2026/11/21 10:00:00.123456 [WRN] text [x]', 'warning', 'text [x]'],
    ['[12] 2026/11/21 10:00:00.123456 [FTL] end', 'fatal', 'end'],
    ['nats-server: a.conf:4:86: unknown field "x"', 'fatal', 'a.conf:4:86: unknown field "x"'],
    ['[ALERT]    (12) : bind failed', 'error', 'bind failed'],
    ['[WARNING]  (12) : Server a/b is DOWN', 'warning', 'Server a/b is DOWN'],
    ['TypeError: x is not a function', 'fatal', 'TypeError: x is not a function'],
    ['127.0.0.1:1 [21/Nov] mqtt mqtt/pi1 0/0/1 5 -- 1/1', 'info', undefined],
    ['{"level":', 'info', undefined],
    ['{"a":1}', 'info', undefined],
    ['null', 'info', undefined],
  ])('%s', (line, severity, text) => {
    expect(parseLogLine(line)).toEqual({ severity, text: text ?? line });
  });

  test('any text is read without complaint', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(typeof parseLogLine(line).text).toBe('string');
      }),
    );
  });
});

describe('the line splitter', () => {
  const split = (chunks: readonly Uint8Array[]) => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    splitter.flush();
    return lines;
  };

  test('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.nat(50)), (texts, cuts) => {
        const lines = texts.map((text) => text.replaceAll('\n', '')).filter((text) => text !== '');
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks: Uint8Array[] = [];
        let from = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(from, from + cut));
          from += cut;
        }
        expect(split([...chunks, bytes.subarray(from)])).toEqual(lines);
      }),
    );
  });

  test('keeps a bounded part of a line without end', () => {
    const chunk = Buffer.alloc(10_000, 'x');
    const lines = split([...Array(100).fill(chunk), Buffer.from('\nnext\n')]);
    expect(lines.map((line) => line.length)).toEqual([16 << 10, 4]);
  });
});

describe('a log file', () => {
  test('is bounded: the file and its predecessor', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'bramble-log-'));
    const file = path.join(dir, 'x.log');
    const log = new LogFile(file, 1000);
    for (let line = 0; line < 1000; line++) log.write(`line ${line}\n`);
    log.close();
    expect(statSync(`${file}.1`).size).toBeLessThan(1020);
    expect(readFileSync(`${file}.1`, 'utf8') + readOr(file)).toContain('line 999\n');
    expect(statSync(`${file}.1`).mode & 0o777).toBe(0o600);
    rmSync(dir, { recursive: true });
  });

  test('counts what it cannot write, and throws nothing', () => {
    const log = new LogFile('/dev/full');
    log.write('x');
    const nowhere = new LogFile('/no/such/folder/x.log');
    nowhere.write('x');
    expect([log.lost, nowhere.lost]).toEqual([1, 1]);
    log.close();
  });
});

test('the journal keeps the last 200 events', () => {
  const journal = new Journal();
  for (let n = 0; n < 1000; n++) journal.add('info', 'it', `event ${n}`);
  expect(journal.events).toHaveLength(200);
  expect(journal.events.at(-1)).toMatchObject({ subject: 'it', text: 'event 999', level: 'info' });
});

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
