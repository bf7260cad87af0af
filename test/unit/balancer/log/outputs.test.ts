import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BalancerLog } from '../../../../services/balancer/log/balancer-log.ts';
import { openDescriptor } from '../../../../services/balancer/log/descriptor-output.ts';
import { MAX_BUFFERED } from '../../../../services/balancer/log/output.ts';
import type { LogTarget, ProxyConfig } from '../../../../services/balancer/model.ts';
import { proxyOf, read } from '../config/read.ts';

let directory: string;
let file: string;
let descriptor: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-log-'));
  file = join(directory, 'out');
  descriptor = openSync(file, 'a');
});
afterEach(() => {
  closeSync(descriptor);
  rmSync(directory, { recursive: true });
});

const written = (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);

/** A proxy that logs to the file with these words behind the address. */
async function logTo(...targets: string[]): Promise<{ log: BalancerLog; proxy: ProxyConfig }> {
  const lines = targets.map((target) => ` log ${target}`).join('\n');
  const { config } = await read(`listen x\n bind :80\n option tcplog\n${lines}\n`);
  return { log: new BalancerLog(config), proxy: proxyOf(config, 'x') };
}

describe('a proxy log', () => {
  test('sends each target what its levels let through', async () => {
    const { log, proxy } = await logTo(
      `fd@${descriptor} format short local0`,
      `fd@${descriptor} format priority local1 notice`,
      `fd@${descriptor} format short local0 err err`,
    );
    const proxyLog = log.forProxy(proxy);
    expect(proxyLog.active).toBe(true);
    for (const level of ['alert', 'notice', 'info', 'debug'] as const) proxyLog.event(level, level);
    await log.close();
    expect(written()).toEqual([
      '<1>alert',
      '<137>alert',
      '<3>alert',
      '<5>notice',
      '<141>notice',
      '<6>info',
      '<7>debug',
    ]);
    expect(log.dropped).toBe(0);
  });

  test('cuts a line at its longest, the line feed not counted', async () => {
    const { log, proxy } = await logTo(`fd@${descriptor} len 80 format raw local0`);
    log.forProxy(proxy).event('info', 'x'.repeat(500));
    log.forProxy(proxy).event('info', 'y'.repeat(80));
    await log.close();
    expect(readFileSync(file, 'utf8')).toBe(`${'x'.repeat(80)}\n${'y'.repeat(80)}\n`);
  });

  test('is inactive without a target', async () => {
    const { log, proxy } = await logTo();
    const proxyLog = log.forProxy(proxy);
    expect(proxyLog.active).toBe(false);
    proxyLog.event('emerg', 'nobody hears');
    await log.close();
  });

  test('says so when a descriptor is not open', async () => {
    const { log, proxy } = await logTo('fd@9999 local0');
    expect(() => log.forProxy(proxy)).toThrow('log : file descriptor 9999 is not open');
  });

  test('sends a datagram a line', async () => {
    const receiver = createSocket('udp4');
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const got: string[] = [];
    receiver.on('message', (bytes) => got.push(bytes.toString()));
    const { log, proxy } = await logTo(`127.0.0.1:${receiver.address().port} local2`);
    const proxyLog = log.forProxy(proxy);
    for (let i = 0; i < 50; i++) proxyLog.event('notice', `line ${i}`);
    await log.close();
    for (const end = Date.now() + 5000; got.length < 50 && Date.now() < end; ) await sleep(10);
    receiver.close();
    expect(got).toHaveLength(50);
    expect(got[49]).toMatch(/^<149>\w{3} [ \d]\d \d\d:\d\d:\d\d test\[\d+\]: line 49\n$/);
  });

  test('drops what UDP cannot send, and says how much', async () => {
    const target: LogTarget = {
      kind: 'udp',
      address: '127.0.0.1:9',
      format: 'raw',
      facility: 'local0',
      maxLevel: 7,
      minLevel: 0,
      maxLength: 65_535,
    };
    const { log, proxy } = await logTo();
    const proxyLog = log.forProxy({ ...proxy, log: [target] });
    // Too large for a datagram, so that each send fails.
    for (let i = 0; i < 10; i++) proxyLog.event('info', 'x'.repeat(65_535));
    for (const end = Date.now() + 5000; log.dropped < 10 && Date.now() < end; ) await sleep(10);
    await log.close();
    expect(log.dropped).toBe(10);
  });
});

describe('a pipe whose reader does not read', () => {
  test('costs lines, neither time nor memory, and is served again when it reads', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, constants.O_WRONLY);
    const output = openDescriptor(writer);
    const line = `${'x'.repeat(1023)}\n`;
    const started = performance.now();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 500; i++) output.write(line);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const took = performance.now() - started;
    const kept = 10_000 - output.dropped;
    console.log(`10000 lines in ${took.toFixed(0)} ms, ${kept} kept, ${output.dropped} dropped`);
    expect(took).toBeLessThan(5000);
    // The buffer, and what the kernel's pipe holds.
    expect(kept).toBeGreaterThanOrEqual(MAX_BUFFERED / line.length);
    expect(kept).toBeLessThan(2 * (MAX_BUFFERED / line.length));

    const buffer = Buffer.alloc(1 << 16);
    let bytes = 0;
    for (const end = Date.now() + 5000; bytes < kept * line.length && Date.now() < end; ) {
      try {
        bytes += readSync(reader, buffer);
      } catch {
        await sleep(5);
      }
    }
    expect(bytes).toBe(kept * line.length);
    const before = output.dropped;
    output.write('again\n');
    await output.close();
    expect(output.dropped).toBe(before);
    expect(buffer.subarray(0, readSync(reader, buffer)).toString()).toBe('again\n');
    closeSync(reader);
    closeSync(writer);
  });

  test('is closed within bounds', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, constants.O_WRONLY);
    const output = openDescriptor(writer);
    for (let i = 0; i < 1000; i++) output.write(`${'x'.repeat(1023)}\n`);
    const started = performance.now();
    await output.close();
    expect(performance.now() - started).toBeLessThan(5000);
    output.write('too late\n');
    closeSync(reader);
    closeSync(writer);
  });

  test('that is gone costs lines', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, constants.O_WRONLY);
    const output = openDescriptor(writer);
    closeSync(reader);
    for (let i = 0; i < 10; i++) output.write('lost\n');
    await output.close();
    expect(output.dropped).toBe(10);
    closeSync(writer);
  });
});
