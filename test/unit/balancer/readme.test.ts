import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FETCHES } from '../../../services/balancer/samples/tables.ts';
import { current, keywords, README } from '../../tools/balancer-readme.ts';

test('the README shows the keywords that the parser knows', () => {
  const text = readFileSync(README, 'utf8');
  expect(text, 'run: node test/tools/balancer-readme.ts').toBe(current(text));
});

test('every fetch is in it', () => {
  const text = keywords();
  for (const name of Object.keys(FETCHES)) expect(text).toContain(`\`${name}`);
});
