import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { newCluster } from '../../../../provisioning/init/cluster-text.ts';
import {
  withAddress,
  withNode,
  withoutNode,
} from '../../../../provisioning/inventory/edit-nodes.ts';

const TEXT = newCluster({
  name: 'home',
  nodes: [{ name: 'pi1', address: '10.0.0.1' }],
  vip: undefined,
  user: 'owner',
});

test('one node more: everything else stays, comments too', () => {
  const text = withNode(TEXT, { name: 'pi2', address: '10.0.0.2', roles: ['balancer'] });
  const [before, after] = [parseCluster(TEXT), parseCluster(text)];
  expect(after.nodes.map(({ name, roles }) => [name, roles])).toEqual([
    ['pi1', ['balancer', 'broker']],
    ['pi2', ['balancer']],
  ]);
  expect({ ...after, nodes: [] }).toEqual({ ...before, nodes: [] });
  const comments = (yaml: string) => yaml.match(/#.*/g)?.length;
  expect(comments(text)).toBe(comments(TEXT));
});

test('another address', () => {
  expect(parseCluster(withAddress(TEXT, 'pi1', '10.0.0.9')).nodes[0]?.address).toBe('10.0.0.9');
  expect(() => withAddress(TEXT, 'pi9', '10.0.0.9')).toThrow(
    expect.objectContaining({ hint: 'its nodes are: pi1' }),
  );
});

test('one node less; the last one stays', () => {
  const two = withNode(TEXT, { name: 'pi2', address: '10.0.0.2' });
  expect(parseCluster(withoutNode(two, 'pi1')).nodes.map(({ name }) => name)).toEqual(['pi2']);
  expect(withoutNode(two, 'pi1')).toContain('# A node is called by its host name');
  expect(() => withoutNode(TEXT, 'pi1')).toThrow('no longer be valid');
  expect(() => withoutNode(TEXT, 'pi9')).toThrow(
    expect.objectContaining({ hint: 'its nodes are: pi1' }),
  );
});

test('what would no longer be valid is refused', () => {
  expect(() => withNode(TEXT, { name: 'pi1', address: '10.0.0.2' })).toThrow(
    'no longer be valid: nodes.1.name',
  );
  expect(() => withNode(TEXT, { name: 'pi2', address: '10.0.0.1' })).toThrow('is taken by nodes.0');
  expect(() => withNode(TEXT, { name: 'pi2', address: 'pi2.local' })).toThrow('not an IPv4');
  expect(() => withNode(TEXT, { name: 'pi2', address: '10.0.0.2', roles: ['brocker'] })).toThrow(
    'roles.0',
  );
  expect(() => withNode('nodes: 3', { name: 'pi2', address: '10.0.0.2' })).toThrow('cluster.yaml');
});
