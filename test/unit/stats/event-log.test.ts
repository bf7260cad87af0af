import { expect, test } from 'vitest';
import type { ClusterEvent } from '#core/contracts/status.ts';
import { EventLog } from '../../../services/stats/model/event-log.ts';

const event = (at: number, text: string, subject = 'pi1 broker'): ClusterEvent => ({
  at,
  level: 'info',
  subject,
  text,
});
const texts = (log: EventLog) => log.events.map(({ text }) => text);

test('newest first, whatever order they come in', () => {
  const log = new EventLog();
  log.add([event(2000, 'b'), event(9000, 'd')]);
  log.add([event(5000, 'c'), event(1000, 'a')]);
  expect(texts(log)).toEqual(['d', 'c', 'b', 'a']);
});

test('the same list told every second is kept once', () => {
  const log = new EventLog();
  const told = [event(1000, 'started'), event(8000, 'ended')];
  expect(log.add(told)).toBe(2);
  for (let i = 0; i < 10; i++) expect(log.add(told)).toBe(0);
  expect(log.events).toHaveLength(2);
});

test('an unchanged log is the same array, so that nothing is rendered again', () => {
  const log = new EventLog();
  log.add([event(1000, 'a')]);
  const before = log.events;
  log.add([event(1000, 'a')]);
  expect(log.events).toBe(before);
});

test('two observers of one thing make one event', () => {
  const log = new EventLog();
  log.add([event(10_000, 'mqtt/pi1 is DOWN'), event(10_900, 'mqtt/pi1 is DOWN')]);
  log.add([event(9500, 'mqtt/pi1 is DOWN')]);
  expect(log.events).toHaveLength(1);
  log.add([event(10_950, 'mqtt/pi1 is DOWN', 'another')]);
  expect(log.events).toHaveLength(2);
});

test('down, up, down within a second are three events', () => {
  const log = new EventLog();
  log.add([event(10_000, 'DOWN'), event(10_400, 'UP'), event(10_800, 'DOWN')]);
  expect(texts(log)).toEqual(['DOWN', 'UP', 'DOWN']);
});

test('it is bounded, and what was pushed out does not come back', () => {
  const log = new EventLog(3);
  const told = Array.from({ length: 10 }, (_, i) => event(i * 10_000, `event ${i}`));
  log.add(told);
  log.add(told);
  expect(texts(log)).toEqual(['event 9', 'event 8', 'event 7']);
});

test('a peer cannot make it hold long texts', () => {
  const log = new EventLog();
  log.add([event(1, 'x'.repeat(1e6), 'y'.repeat(1e6))]);
  expect(JSON.stringify(log.events).length).toBeLessThan(1000);
  expect(log.add([event(1, 'x'.repeat(1e6), 'y'.repeat(1e6))])).toBe(0);
});

test('a moment that is none is left out', () => {
  const log = new EventLog();
  expect(log.add([event(1e300, 'a'), event(-1e300, 'b'), event(8.64e15, 'c')])).toBe(1);
});
