import { describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { parseYaml } from '#core/config/yaml-file.ts';
import { vipConfigSchema } from '#core/contracts/service-config.ts';
import { renderNode } from '../../../../provisioning/render/node.ts';

const SECRET = '0123456789abcdef0123';

function render(nodes: readonly string[], more: string, name = 'pi1'): Map<string, string> {
  const text = `cluster: { name: home, secret: ${SECRET} }\nnodes:\n${nodes
    .map((of, i) => `  - { name: pi${i + 1}, ${of} }\n`)
    .join('')}${more}\n`;
  const cluster = parseCluster(text);
  const by = { clusterFile: '/etc/bramble/cluster.yaml', by: 'a test', natsSyncInterval: true };
  return renderNode({ cluster, name, ...by });
}

const three = ['address: 10.0.0.1', 'address: 10.0.0.2', 'address: 10.0.0.3'];
const vip = 'vip: 10.0.0.9';

/** The blocks of keepalived.conf that begin with this line. */
function blocks(text: string, begin: RegExp): string[] {
  return text.split(/^(?=\S.*\{$)/m).filter((block) => begin.test(block));
}

const number = (block: string, word: string): number =>
  Number(new RegExp(`^ *${word} (\\S+)$`, 'm').exec(block)?.[1]);

describe('keepalived.conf', () => {
  test('is there only where an address is to move', () => {
    const files = ['keepalived.conf', 'keepalived.release', 'vip.yaml'];
    const of = (more: string, name?: string, nodes = three) =>
      files.filter((file) => render(nodes, more, name).has(file));
    expect(of('')).toEqual([]);
    expect(of(vip)).toEqual(files);
    const mixed = [...three, 'address: 10.0.0.4, roles: [broker]'];
    expect(of(vip, 'pi4', mixed), 'no balancer: it only votes').toEqual(['vip.yaml']);
  });

  test('talks to the other balancers alone, and nobody comes back as the owner', () => {
    const text = render([...three, 'address: 10.0.0.4, roles: [broker]'], vip, 'pi2').get(
      'keepalived.conf',
    )!;
    const [instance] = blocks(text, /^vrrp_instance/);
    expect(instance).toMatch(/unicast_src_ip 10\.0\.0\.2\n/);
    expect(instance).toMatch(/unicast_peer \{\s+10\.0\.0\.1\s+10\.0\.0\.3\s+\}/);
    for (const line of ['state BACKUP', 'nopreempt', 'unicast_fault_no_peer', 'advert_int 0.1']) {
      expect(instance).toContain(`    ${line}\n`);
    }
    expect(instance).toContain('virtual_ipaddress {\n        10.0.0.9/32\n');
    expect(instance, 'no script, no weight').not.toMatch(/script|weight/);
    expect(text).toContain('vrrp_version 3');
    expect(text).not.toContain(SECRET);
  });

  test('gives each of several addresses another preferred node, and all an order', () => {
    const several = 'vip: 10.0.0.9\nvrrp: { addresses: [10.0.0.8, 10.0.0.7], routerId: 70 }';
    const of = (name: string) =>
      blocks(render(three, several, name).get('keepalived.conf')!, /^vrrp_instance/);
    const priorities = ['pi1', 'pi2', 'pi3'].map((name) =>
      of(name).map((b) => number(b, 'priority')),
    );
    expect(priorities).toEqual([
      [254, 214, 234],
      [234, 254, 214],
      [214, 234, 254],
    ]);
    expect(of('pi1').map((block) => number(block, 'virtual_router_id'))).toEqual([70, 71, 72]);
  });

  test.each([1, 2, 6, 20])('has a priority that VRRP allows on each of %i nodes', (count) => {
    const nodes = Array.from({ length: count }, (_, i) => `address: 10.0.1.${i + 1}`);
    for (const last of new Set([1, count])) {
      const text = render(nodes, vip, `pi${last}`).get('keepalived.conf')!;
      const priority = number(text, 'priority');
      expect(priority).toBeGreaterThanOrEqual(1);
      expect(priority).toBeLessThanOrEqual(254);
    }
  });

  test('moves a MAC address along, where that is asked for, and takes its link away, too', () => {
    expect(render(three, vip).get('keepalived.conf')).not.toContain('use_vmac');
    const files = render(three, `${vip}\nvrrp: { virtualMac: true }`);
    expect(files.get('keepalived.conf')).toContain('use_vmac vrrp.51\n    vmac_xmit_base\n');
    expect(files.get('keepalived.release')).toContain('link delete vrrp.51\n');
  });

  test('has a link-local address first, where the network is IPv6', () => {
    const text = render(['address: "fd00::1"', 'address: "fd00::2"'], 'vip: "fd00::9"').get(
      'keepalived.conf',
    );
    expect(text).toMatch(/virtual_ipaddress \{\s+fe80::5e00:233\/128\s+fd00::9\/128\s+\}/);
  });
});

describe('vip.yaml', () => {
  const config = (files: Map<string, string>) =>
    parseYaml(files.get('vip.yaml')!, 'vip.yaml', vipConfigSchema);

  test('names all other nodes, and a key that is not the secret', () => {
    const files = render([...three, 'address: 10.0.0.4, roles: [broker]'], vip, 'pi4');
    const { peers, addresses, serving, heartbeat } = config(files);
    expect(peers.map(({ name }) => name)).toEqual(['pi1', 'pi2', 'pi3']);
    expect([addresses, serving]).toEqual([[], undefined]);
    expect(heartbeat.key).toMatch(/^[0-9a-f]{64}$/);
    expect(files.get('vip.yaml')).not.toContain(SECRET);
  });

  test('knows of a split before the other side takes over, whatever the interval', () => {
    for (const advert of [10, 100, 1_000]) {
      const more = `${vip}\nvrrp: { advert: ${advert} ms }`;
      const { heartbeat } = config(render(three, more));
      expect(heartbeat.lost + heartbeat.interval).toBeLessThan(3 * advert);
    }
  });

  test('is asked by the balancer’s own page, which is there only with an address to move', () => {
    const { serving } = config(render(three, vip));
    const page = `bind ${serving!.host}:${serving!.port}\n`;
    expect(render(three, vip).get('balancer.cfg')).toContain(page);
    expect(render(three, '').get('balancer.cfg')).not.toContain('serving');
  });
});
