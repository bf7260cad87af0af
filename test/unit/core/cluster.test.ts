import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { ConfigError } from '#core/config/yaml-file.ts';

const MINIMAL = `cluster:
  name: home
  secret: 0123456789abcdef
nodes:
  - name: pi1
    address: 192.168.1.11
`;

/** The problems of a text, as `line:column message`. */
function problems(text: string): string[] {
  try {
    parseCluster(text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((p) => `${p.line}:${p.column} ${p.message}`);
  }
}

describe('cluster.yaml', () => {
  test('fills in every default of a minimal file', () => {
    const config = parseCluster(MINIMAL);
    expect(config.nodes[0]?.roles).toEqual(['balancer', 'broker']);
    expect(config.mqtt).toMatchObject({ anonymous: false, users: [], acl: [] });
    expect(config.mqtt.limits).toMatchObject({ packet: 1 << 20, connect: 10_000 });
  });

  test('refuses an unknown key where it stands, with the nearest known one', () => {
    const text = `${MINIMAL}mqtt:\n  limits:\n    packt: 1 KiB\n`;
    expect(problems(text)).toEqual(['9:5 unknown key "mqtt.limits.packt"; did you mean "packet"?']);
  });

  test('reports several problems of one file in one go, in the order of lines', () => {
    const text = MINIMAL.replace('192.168.1.11', 'nowhere').replace('name: home', 'name: Home!');
    const found = problems(`${text}vip: 10.0.0.300\n`);
    expect(found.map((line) => line.split(' ', 1)[0])).toEqual(['2:9', '6:14', '7:6']);
  });

  test('refuses a name, an address or a VIP that is taken', () => {
    const second = '  - name: pi1\n    address: 192.168.1.11\nvip: 192.168.1.11\n';
    expect(problems(MINIMAL + second)).toEqual([
      '7:11 nodes.1.name: "pi1" is taken by nodes.0',
      '8:14 nodes.1.address: "192.168.1.11" is taken by nodes.0',
      '9:6 vip: the VIP must not be the address of a node',
    ]);
  });

  test('allows one loopback address for all nodes, where they differ by port', () => {
    const text = MINIMAL.replace('192.168.1.11', '127.0.0.1');
    expect(problems(`${text}  - name: pi2\n    address: 127.0.0.1\n`)).toEqual([]);
  });

  test.each([
    ['256 KiB', 262_144],
    ['1MB', 1 << 20],
    ['512', 512],
    [300, 300],
  ])('reads the size %s', (written, bytes) => {
    const config = parseCluster(`${MINIMAL}mqtt: { limits: { packet: ${written} } }\n`);
    expect(config.mqtt.limits.packet).toBe(bytes);
  });

  test('refuses a duration without a unit', () => {
    const text = `${MINIMAL}mqtt: { limits: { connect: 10 } }\n`;
    expect(problems(text)[0]).toContain('is no duration; write e.g. 30 s');
  });

  test('says where YAML itself is broken', () => {
    expect(problems('cluster: [')[0]).toMatch(/^1:\d+ /);
  });

  test('says where an alias has no anchor, and refuses a bomb of aliases', () => {
    expect(problems(`${MINIMAL}vip: *nowhere\n`)[0]).toMatch(/^7:6 .*nowhere/);
    const bomb = Array.from({ length: 9 }, (_, i) => {
      const inner =
        i === 0
          ? 'x'
          : Array(9)
              .fill(`*a${i - 1}`)
              .join(', ');
      return `a${i}: &a${i} [${inner}]`;
    });
    expect(problems(bomb.join('\n'))).toHaveLength(1);
  });

  test('throws nothing but ConfigError, whatever the text', () => {
    const line = fc.oneof(fc.constantFrom(...MINIMAL.split('\n')), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        for (const at of problems(lines.join('\n'))) expect(at).toMatch(/^\d+:\d+ /);
      }),
      { numRuns: 300 },
    );
  });
});
