import { expect, test, vi } from 'vitest';
import { Backlog, Pressure } from '../../../services/broker/router/pressure.ts';

test('a subscriber that is behind holds publishers while it makes progress, a frozen one not for long', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    vi.advanceTimersByTime(1_000);
    const pressure = new Pressure();
    const raised = (): boolean => pressure.take() !== undefined;
    const backlog = new Backlog(pressure, 1_600);
    backlog.update(700);
    expect(raised()).toBe(false);
    backlog.update(900);
    expect(raised()).toBe(true);
    vi.advanceTimersByTime(200);
    backlog.update(790 + 100);
    expect(raised()).toBe(true);
    vi.advanceTimersByTime(200);
    // Nothing gone in 400 ms: no say any more, however long it stays.
    backlog.update(901);
    expect(raised()).toBe(false);
    vi.advanceTimersByTime(60_000);
    backlog.update(1_500);
    expect(raised()).toBe(false);
    // A sixteenth of the limit has gone: it reads again.
    backlog.update(1_390);
    expect(raised()).toBe(true);
    backlog.update(100);
    expect(raised()).toBe(false);
    backlog.update(1_500);
    expect(raised()).toBe(true);
    // Other nodes are told to wait until it has caught up, or is found frozen: not only for a moment.
    vi.advanceTimersByTime(100);
    expect(pressure.high).toBe(true);
    vi.advanceTimersByTime(200);
    expect(pressure.high).toBe(false);
    backlog.update(1_390);
    expect(pressure.high).toBe(true);
    backlog.update(100);
    expect(pressure.high).toBe(false);
  } finally {
    vi.useRealTimers();
  }
});

test('a hold ends by itself', async () => {
  const pressure = new Pressure();
  new Backlog(pressure, 10).update(9);
  await pressure.take();
  expect(pressure.take()).toBeUndefined();
});

test('only time counts in which the process runs: a starved one does not take others for frozen', () => {
  const pressure = new Pressure();
  const backlog = new Backlog(pressure, 10);
  backlog.update(9);
  const until = performance.now() + 400;
  while (performance.now() < until);
  backlog.update(9);
  expect(pressure.high).toBe(true);
  expect(pressure.take()).toBeDefined();
});

test('a node whose own publications wait for others does not keep the others waiting for that', () => {
  const pressure = new Pressure();
  new Backlog(pressure, 10, { elsewhere: true }).update(9);
  expect(pressure.take()).toBeDefined();
  expect(pressure.high).toBe(false);
  new Backlog(pressure, 10).update(9);
  expect(pressure.high).toBe(true);
});
