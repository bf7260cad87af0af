import { expect, test } from 'vitest';
import { parseEvent } from '../../../../provisioning/ansible/events.ts';
import { explain } from '../../../../provisioning/ansible/faults.ts';
import { Progress } from '../../../../provisioning/apply/progress.ts';
import { terminalStyle } from '../../../../provisioning/dev/style.ts';
import { changesSomething, PlanReader } from '../../../../provisioning/plan/node-plan.ts';
import { planText } from '../../../../provisioning/plan/plan-text.ts';

const plain = terminalStyle(false);
const STAGE = {
  changed: true,
  release: { from: 'bramble-1', to: 'bramble-2' },
  files: [{ file: '/etc/bramble/broker.yaml', what: 'changed', diff: '-a\n+b' }],
  work: {
    start: [],
    restart: ['bramble-broker.service'],
    reload: ['bramble-balancer.service'],
    stop: [],
  },
};
const result = (host: string, status: string, more = {}) =>
  parseEvent(
    JSON.stringify({ event: 'result', host, status, task: 'base : Open ports', ...more }),
  )!;

test('lines that are no events are none', () => {
  for (const line of ['', 'WARNING: x', '{', '{"event":"other"}', '[1]', '{"event":"result"}']) {
    expect(parseEvent(line)).toBeUndefined();
  }
});

test('a plan says what changes on each node, without secrets', () => {
  const reader = new PlanReader();
  reader.read(result('pi1', 'changed', { diff: '-password: hunter2\n+password: hunter3' }));
  reader.read(result('pi1', 'changed', { task: 'base : Load the firewall' }));
  reader.read(result('pi1', 'changed', { msg: STAGE, task: 'bramble : Tell what would change' }));
  reader.read(
    result('pi2', 'ok', {
      msg: {
        ...STAGE,
        changed: false,
        release: null,
        files: [],
        work: { start: [], restart: [], reload: [], stop: [] },
      },
    }),
  );
  reader.read(result('pi3', 'unreachable', { msg: 'No route to host\u001b[31m' }));
  const text = [...reader.nodes].map(([name, plan]) => planText(name, plan, plain)).join('');
  expect(text).toBe(`pi1:
  Open ports
      -password: ••••••
      +password: ••••••
  release bramble-2, instead of bramble-1
  /etc/bramble/broker.yaml (changed)
      -a
      +b
  restart: broker
  reload: balancer
pi2: nothing to change
pi3: No route to host\\u001b[31m
`);
  expect([...reader.nodes.values()].map(changesSomething)).toEqual([true, false, false]);
});

test('progress: plain lines where nobody looks, and what goes on on a terminal', () => {
  const told = (isTerminal: boolean): string => {
    let out = '';
    const write = (text: string): void => {
      out += text;
    };
    const progress = new Progress({ write, isTerminal, style: plain, columns: 30 });
    progress.read({ event: 'play', name: 'Change one node at a time' });
    progress.read({ event: 'task', name: 'bramble : Wait until it serves' });
    progress.read(result('pi1', 'ok'));
    progress.read(result('pi1', 'changed'));
    progress.read({ event: 'play', name: 'Change one node at a time' });
    progress.read(result('pi2', 'failed', { msg: 'no\nroom' }));
    progress.read({ event: 'end', hosts: {} });
    expect(progress.failures).toEqual([{ host: 'pi2', task: 'Open ports', message: 'no\nroom' }]);
    return out;
  };
  expect(told(false)).toBe(
    'Change one node at a time\n  pi1: Open ports\n  pi2: Open ports: no\n    room\n',
  );
  expect(told(true)).toContain('\r\u001b[K  … Wait until it serves');
});

test.each([
  ['@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @', 'ssh-keygen -R 10.0.0.1'],
  ['admin@10.0.0.1: Permission denied (publickey).', 'ssh-copy-id admin@10.0.0.1'],
  ['Missing sudo password', 'NOPASSWD'],
  ['connect to host 10.0.0.1 port 22: Connection refused', 'enable --now ssh'],
  ['connect to host 10.0.0.1 port 22: No route to host', 'ping 10.0.0.1'],
  ['connect to host 10.0.0.1 port 22: Connection timed out', 'ping 10.0.0.1'],
  ['OSError: [Errno 28] No space left on device', 'apt-get clean'],
  ['/bin/sh: 1: /usr/bin/python3: not found', 'install -y python3'],
  ['E: Could not get lock /var/lib/dpkg/lock-frontend', 'unattended-upgrades'],
])('%s: %s', (message, mend) => {
  expect(explain(message, { name: 'pi1', address: '10.0.0.1', user: 'admin' })?.mend).toContain(
    mend,
  );
});

test('what is not known is not explained', () => {
  expect(
    explain('something else', { name: 'pi1', address: '10.0.0.1', user: 'admin' }),
  ).toBeUndefined();
});
