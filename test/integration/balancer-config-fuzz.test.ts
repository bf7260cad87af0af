import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadTexts } from '../../services/balancer/config/load.ts';
import { BalancerConfigError } from '../../services/balancer/config/problem.ts';
import { Authority } from '../support/certificates.ts';
import { type Mutation, mutation, numbers } from '../support/config-mutations.ts';

const SEED = 11;
const CASES = 60;

let directory: string;
let authority: Authority;
const variables: Record<string, string> = { BIND: '127.0.0.1' };
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-mutations-'));
  authority = new Authority();
  const { cert, key } = authority.issue('site');
  variables.CERT = join(directory, 'site.pem');
  writeFileSync(variables.CERT, Buffer.concat([cert, key]));
  for (const name of 'NODE1 NODE2 NODE3'.split(' ')) variables[name] = '127.0.0.1';
  const ports = 'HTTP HTTPS API1 API2 API3 DASH1 DASH2 MQTT MQTT1 MQTT2 KAFKA STATS WEB1 WEB2 APP';
  for (const name of ports.split(' ')) variables[`${name}_PORT`] = '8081';
});
afterAll(() => {
  rmSync(directory, { recursive: true });
  authority.remove();
});

/** What HAProxy finds wrong; undefined = nothing. */
const haproxySays = (text: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const file = join(directory, 'test.cfg');
    writeFileSync(file, text);
    const options = { env: { ...process.env, ...variables } };
    execFile('haproxy', ['-c', '-f', file], options, (error, _stdout, stderr) =>
      resolve(error ? stderr : undefined),
    );
  });

/** What we do, and whether a line is in a section that makes nothing of it. */
async function weSay(text: string): Promise<{ ours?: string; ignored: boolean }> {
  try {
    const overrides = { defaultMaxconn: 1000, logTag: 'test' };
    const source = { name: 'test.cfg', text };
    const { warnings } = await loadTexts([source], { environment: variables, overrides });
    return { ignored: warnings.some(({ message }) => message.includes('ignored because')) };
  } catch (error) {
    if (!(error instanceof BalancerConfigError)) throw error;
    const alerts = error.problems.filter(({ severity }) => severity === 'alert');
    const ours = alerts.map(({ position, message }) => `${position?.line}: ${message}`).join('\n');
    return { ours, ignored: false };
  }
}

/** HAProxy takes the digits that a number begins with, and an address like 1.5 for 1.0.0.5. */
const STRICTER =
  /expects an integer|unexpected character|invalid character|invalid address|needs a positive/;

test('changed files are accepted and refused as HAProxy does', async () => {
  const pick = numbers(SEED);
  // Some that it ignores it reads all the same.
  const counts = { accepted: 0, refused: 0, stricter: 0, ignored: 0 };
  const differing: (Mutation['what'] | undefined)[] = [];
  for (let turn = 0; turn < CASES; turn++) {
    const { text, what } = mutation(pick);
    const theirs = await haproxySays(text);
    const { ours, ignored } = await weSay(text);
    if (theirs === undefined && ours === undefined) counts.accepted += 1;
    else if (theirs !== undefined && ours !== undefined) counts.refused += 1;
    else if (ours !== undefined && STRICTER.test(ours)) counts.stricter += 1;
    else if (ours === undefined && ignored) counts.ignored += 1;
    else differing.push(`${what}\n${theirs ?? `only here: ${ours}`}`);
  }
  console.log(JSON.stringify(counts));
  expect(differing).toEqual([]);
  expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(CASES / 10);
});
