import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Output } from '../../../services/broker/link/output.ts';
import type { Transport } from '../../../services/broker/link/transport.ts';

/** A socket that takes bytes only when it is told to. */
function stalled() {
  const taken: Buffer[] = [];
  let pending: readonly Buffer[] = [];
  const transport = {
    get waiting() {
      return pending.reduce((sum, { length }) => sum + length, 0);
    },
    write(pieces: readonly Buffer[]) {
      pending = pieces;
    },
  } as unknown as Transport;
  const take = (): number => {
    const bytes = transport.waiting;
    taken.push(...pending);
    pending = [];
    return bytes;
  };
  return { transport, take, all: () => Buffer.concat(taken) };
}

test('what waits goes out in steps, whole and in order', async () => {
  const { transport, take, all } = stalled();
  const output = new Output(transport);
  const frames = Array.from({ length: 9_000 }, (_, i) => Buffer.alloc(1 + (i % 300), i));
  frames.push(Buffer.alloc(400_000, 7), Buffer.from('end'));
  const total = frames.reduce((sum, { length }) => sum + length, 0);
  for (const frame of frames) output.write(frame);
  expect(output.waiting).toBe(total);
  await turn();
  const steps: number[] = [];
  for (let left = total; left > 0; ) {
    expect(output.waiting).toBe(left);
    const bytes = take();
    expect(bytes).toBeGreaterThan(0);
    steps.push(bytes);
    left -= bytes;
    output.flush();
  }
  expect(output.waiting).toBe(0);
  expect(all().equals(Buffer.concat(frames))).toBe(true);
  // But for the frame that is larger than a step.
  expect(steps.filter((bytes) => bytes > 256 * 1024).length).toBe(1);
  console.log(`${total} bytes in ${steps.length} steps`);
});

test('frames written one a turn are what comes out, however large the chunks get', async () => {
  const { transport, take, all } = stalled();
  const output = new Output(transport);
  const frames: Buffer[] = [];
  for (let i = 0; i < 500; i++) {
    const burst = i % 50 === 0 ? 200 : 1;
    for (let k = 0; k < burst; k++) {
      const frame = Buffer.alloc(1 + ((i * 37 + k) % 900), i);
      frames.push(frame);
      output.write(frame);
    }
    await turn();
    take();
    output.flush();
  }
  while (output.waiting > 0) {
    take();
    output.flush();
  }
  expect(all().equals(Buffer.concat(frames))).toBe(true);
});
