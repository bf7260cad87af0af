import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Number of the last normative statement of each section of MQTT 5 (OASIS, 7 March 2019). */
const MQTT_5: Record<string, number> = {
  '1.5.4': 3,
  '1.5.5': 1,
  '1.5.7': 1,
  '2.1.3': 1,
  '2.2.1': 6,
  '2.2.2': 1,
  '3.1.0': 2,
  '3.1.2': 30,
  '3.1.3': 12,
  '3.1.4': 6,
  '3.2.0': 2,
  '3.2.2': 22,
  '3.3.1': 13,
  '3.3.2': 20,
  '3.3.4': 10,
  '3.4.2': 3,
  '3.5.2': 3,
  '3.6.1': 1,
  '3.6.2': 3,
  '3.7.2': 3,
  '3.8.1': 1,
  '3.8.3': 5,
  '3.8.4': 8,
  '3.9.2': 2,
  '3.9.3': 2,
  '3.10.1': 1,
  '3.10.3': 2,
  '3.10.4': 6,
  '3.11.2': 2,
  '3.11.3': 2,
  '3.12.4': 1,
  '3.14.0': 1,
  '3.14.1': 1,
  '3.14.2': 4,
  '3.14.4': 3,
  '3.15.1': 1,
  '3.15.2': 3,
  '4.1.0': 2,
  '4.2.0': 1,
  '4.3.1': 1,
  '4.3.2': 5,
  '4.3.3': 13,
  '4.4.0': 2,
  '4.5.0': 2,
  '4.6.0': 6,
  '4.7.0': 1,
  '4.7.1': 2,
  '4.7.2': 1,
  '4.7.3': 4,
  '4.8.2': 6,
  '4.9.0': 3,
  '4.12.0': 7,
  '4.12.1': 2,
  '4.13.1': 1,
  '4.13.2': 1,
  '6.0.0': 4,
};

/** The same of MQTT 3.1.1 (OASIS, 29 October 2014). */
const MQTT_3_1_1: Record<string, number> = {
  '1.5.3': 3,
  '2.2.2': 2,
  '2.3.1': 7,
  '3.1.0': 2,
  '3.1.2': 24,
  '3.1.3': 11,
  '3.1.4': 5,
  '3.2.0': 1,
  '3.2.2': 6,
  '3.3.1': 12,
  '3.3.2': 3,
  '3.3.4': 1,
  '3.3.5': 2,
  '3.6.1': 1,
  '3.8.1': 1,
  '3.8.3': 4,
  '3.8.4': 6,
  '3.9.3': 2,
  '3.10.1': 1,
  '3.10.3': 2,
  '3.10.4': 6,
  '3.12.4': 1,
  '3.14.1': 1,
  '3.14.4': 3,
  '4.1.0': 2,
  '4.2.0': 1,
  '4.3.1': 1,
  '4.3.2': 2,
  '4.3.3': 2,
  '4.4.0': 1,
  '4.5.0': 2,
  '4.6.0': 6,
  '4.7.1': 3,
  '4.7.2': 1,
  '4.7.3': 4,
  '4.8.0': 2,
  '6.0.0': 4,
};

/** MQTT 5 has no [MQTT-2.2.1-1]. */
const ABSENT = new Set(['[MQTT-2.2.1-1]']);

const FOLDER = new URL('../../integration/', import.meta.url);
const STATEMENT = /(?:3\.1\.1 )?\[MQTT-\d+\.\d+\.\d+-\d+\]/g;

function statements(last: Record<string, number>, prefix: string): string[] {
  return Object.entries(last).flatMap(([section, count]) =>
    Array.from({ length: count }, (_, i) => `${prefix}[MQTT-${section}-${i + 1}]`),
  );
}

test('every normative statement has a test, or a reason why it has none', () => {
  const all = [...statements(MQTT_5, ''), ...statements(MQTT_3_1_1, '3.1.1 ')].filter(
    (one) => !ABSENT.has(one),
  );
  const tested = new Set<string>();
  for (const file of readdirSync(FOLDER)) {
    if (!/^broker-conformance-.*\.test\.ts$/.test(file)) continue;
    for (const [one] of readFileSync(new URL(file, FOLDER), 'utf8').matchAll(STATEMENT)) {
      tested.add(one);
    }
  }
  const readme = readFileSync(new URL('README.md', FOLDER), 'utf8');
  const excused = new Set([...readme.matchAll(STATEMENT)].map(([one]) => one));
  const v5 = all.filter((one) => tested.has(one) && !one.startsWith('3.1.1'));
  const v4 = all.filter((one) => tested.has(one) && one.startsWith('3.1.1'));
  console.log(
    `normative statements: ${all.length}, tested: ${v5.length} of MQTT 5 and ${v4.length} of 3.1.1, explained: ${excused.size}`,
  );
  expect(all.filter((one) => !tested.has(one) && !excused.has(one))).toEqual([]);
  // Nothing that does not exist, and nothing explained away that is tested.
  expect([...tested, ...excused].filter((one) => !all.includes(one))).toEqual([]);
  expect([...excused].filter((one) => tested.has(one))).toEqual([]);
});
