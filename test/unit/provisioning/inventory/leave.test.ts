import { expect, test } from 'vitest';
import { leaveCluster } from '../../../../provisioning/inventory/leave.ts';

const cluster = (...nodes: string[]) => `# Ours.
cluster: { name: home, secret: 0123456789abcdef0123 }
nodes:
${nodes.map((roles, i) => `  - { name: pi${i + 1}, address: 10.0.0.${i + 1}, roles: [${roles}] }\n`).join('')}vip: 10.0.0.9
mqtt: { users: [{ name: a, password: a-password-of-mine }] }
`;
const BOTH = 'balancer, broker';

test('of three brokers one may go: comments stay, and what is worse then is told', () => {
  const { text, leaving, warnings } = leaveCluster(cluster(BOTH, BOTH, BOTH), 'pi2');
  expect(text).toMatch(/^# Ours\./);
  expect(text).not.toContain('pi2');
  expect(text).toContain('pi3');
  expect(leaving).toMatchObject({ name: 'pi2', address: '10.0.0.2' });
  expect(warnings).toEqual([expect.stringContaining('two brokers')]);
  expect(leaveCluster(cluster(BOTH, BOTH, BOTH, BOTH), 'pi4').warnings).toEqual([]);
});

test('of two brokers neither goes; what stores nothing does', () => {
  const refused = expect.objectContaining({
    code: 'BRAMBLE_USAGE',
    message: expect.stringContaining('only pi1 would store'),
    hint: expect.stringContaining('add-node'),
  });
  expect(() => leaveCluster(cluster(BOTH, BOTH), 'pi2')).toThrow(refused);
  const { warnings } = leaveCluster(cluster(BOTH, 'balancer'), 'pi2');
  expect(warnings).toEqual([expect.stringContaining('only one node is a balancer')]);
});

test('what runs Kafka has records that go with it', () => {
  const kafka = cluster(BOTH, BOTH, `${BOTH}, kafka`);
  expect(() => leaveCluster(kafka, 'pi3')).toThrow('pi3 runs Kafka');
  expect(leaveCluster(kafka, 'pi2').leaving.name).toBe('pi2');
});

test('what the cluster cannot be without, and who is not in it', () => {
  expect(() => leaveCluster(cluster('broker', 'broker', 'balancer'), 'pi3')).toThrow(
    /no longer be valid: .*no node has the role "balancer"/,
  );
  expect(() => leaveCluster(cluster(BOTH, BOTH), 'pi9')).toThrow('no node "pi9"');
});
