import { expect, test } from 'vitest';
import { CardMachine } from './card.ts';

const SECRET = '0123456789abcdef0123';
const CLUSTER = `cluster: { name: home, secret: ${SECRET} }
nodes: [{ name: pi1, address: 10.0.2.15 }]
mqtt: { anonymous: true }
`;

test('a cluster.yaml that lies on a new card is taken at its first start', async () => {
  await using pi = await CardMachine.flash({ files: { 'cluster.yaml': CLUSTER } });
  await pi.serves();
  const status = await pi.read('STATUS.txt');
  expect(status).toContain('cluster.yaml was taken from the card.');
  expect(status).toContain('This node is pi1.');
  // Its login is the one in cluster.yaml: there is none to tell.
  expect(status).not.toContain('Password:');
  expect(await pi.read('cluster.yaml.taken')).not.toContain(SECRET);
  await pi.until('SSH', () => pi.ssh('true'));
  expect(await pi.ssh('hostname')).toBe('pi1\n');
  expect(await pi.ssh('grep -c secret: /etc/bramble/cluster.yaml')).toBe('1\n');
});
