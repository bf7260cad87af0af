import { describe, expect, test } from 'vitest';
import { HumanOutput } from '../../../../provisioning/dev/human-output.ts';
import { JsonOutput } from '../../../../provisioning/dev/json-output.ts';
import { terminalStyle } from '../../../../provisioning/dev/style.ts';
import { summarize } from '../../../../provisioning/dev/summary.ts';
import { planOf } from '../plan.ts';

const ESCAPE = '\u001b';

function human(colours = false) {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  return {
    output: new HumanOutput(write, terminalStyle(colours, {}), 'npx mqtt'),
    said: () => text,
  };
}

describe('colours', () => {
  test('only on a terminal that wants them', () => {
    expect(terminalStyle(true, {}).bold('x')).toContain(ESCAPE);
    expect(terminalStyle(false, {}).bold('x')).toBe('x');
    expect(terminalStyle(true, { NO_COLOR: '1' }).bold('x')).toBe('x');
    expect(terminalStyle(true, { TERM: 'dumb' }).bold('x')).toBe('x');
  });
});

describe('for people', () => {
  test('what listens where, and lines to paste', () => {
    const plan = planOf(2, { stats: { user: 'me', password: 'pw' } });
    const { output, said } = human();
    output.ready(summarize(plan, 1234));
    const [user] = plan.cluster.mqtt.users;
    expect(said()).toContain('127.0.0.1:40000');
    expect(said()).toContain('http://127.0.0.1:40004/haproxy?stats  user me, password pw');
    expect(said()).toContain(
      `npx mqtt pub -h 127.0.0.1 -p 40000 -u bramble -P ${user?.password} -t hello -m world`,
    );
    expect(said()).toContain('Ready in 1.2 s.');
    expect(said()).not.toContain(ESCAPE);
  });

  test('a password with blanks and quotes can be pasted too', () => {
    const plan = planOf(1);
    plan.cluster.mqtt.users[0]!.password = `it's "so" $HOME`;
    const { output, said } = human();
    output.ready(summarize(plan, 0));
    expect(said()).toContain(`-P 'it'\\''s "so" $HOME' -t`);
  });

  test('a stored hash is never shown as a password', () => {
    const plan = planOf(1);
    plan.cluster.mqtt.users[0]!.password = '$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaA';
    expect(summarize(plan, 0).login).toEqual({ user: 'bramble', password: 'PASSWORD' });
    plan.cluster.mqtt.users.push({ name: 'plain', password: 'pw', admin: false, acl: [] });
    expect(summarize(plan, 0).login).toEqual({ user: 'plain', password: 'pw' });
  });

  test('without users nobody can log in, and that is said', () => {
    const plan = planOf(1);
    plan.cluster.mqtt.users = [];
    const { output, said } = human();
    output.ready(summarize(plan, 0));
    expect(said()).toContain('Nobody can log in');
    plan.cluster.mqtt.anonymous = true;
    expect(summarize(plan, 0)).toMatchObject({ login: undefined, closed: false });
  });

  test('why a process died and when it starts again', () => {
    const { output, said } = human();
    const exit = { pid: 7, code: null, signal: 'SIGKILL' as const, reason: 'killed by SIGKILL' };
    output.exited('broker-1', { ...exit, expected: false, restartIn: 400 });
    expect(said()).toMatch(
      /^\d\d:\d\d:\d\d {2}broker-1 {2}died: killed by SIGKILL; starting again in 0\.4 s\n$/,
    );
  });

  test('a process that complains without end is cut short', () => {
    const { output, said } = human();
    for (let n = 0; n < 1000; n++) output.complaint('broker-1', { severity: 'error', text: 'oh' });
    expect(said().trimEnd().split('\n')).toHaveLength(6);
    expect(said()).toContain('see its log');
  });
});

test('for scripts: one object a line', () => {
  const lines: string[] = [];
  const output = new JsonOutput((line) => lines.push(line));
  output.started('broker-1', 7);
  output.ready(summarize(planOf(1, { stats: undefined }), 5));
  output.note('two\nlines');
  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  const events = lines.map((line) => JSON.parse(line));
  expect(events[0]).toMatchObject({ event: 'started', name: 'broker-1', pid: 7 });
  expect(events[1]).toMatchObject({
    event: 'ready',
    ports: { mqtt: 40_000, connectors: 40_001, websocket: 40_002, page: 40_003 },
  });
  expect(events[1].ports).not.toHaveProperty('stats');
});

test('the ports of TLS are told where there is some', () => {
  const plan = planOf(1);
  const plain = summarize(plan, 1_000);
  expect(plain.ports).not.toHaveProperty('mqttTls');
  const clients = { certificate: 'none', user: 'common-name' } as const;
  plan.cluster.mqtt.tls = { certificate: 'a.crt', key: 'a.key', clients };
  const { ports } = summarize(plan, 1_000);
  expect(ports).toMatchObject({
    mqttTls: plan.ports.mqttTls,
    websocketTls: plan.ports.websocketTls,
  });
});
