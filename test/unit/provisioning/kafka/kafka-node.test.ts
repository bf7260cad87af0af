import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { parseCluster } from '#core/config/cluster.ts';
import { piPorts } from '#core/contracts/ports.ts';
import { watchdogConfigSchema } from '#core/contracts/service-config.ts';
import { derivedP256 } from '../../../../provisioning/certificates/derived-key.ts';
import { foundingVoters, kafkaIdentity } from '../../../../provisioning/kafka/identity.ts';
import { readKafkaFacts } from '../../../../provisioning/kafka/node-facts.ts';
import { KAFKA_VERSION } from '../../../../provisioning/kafka/version.ts';
import { maskSecrets } from '../../../../provisioning/node/mask.ts';
import { renderNode } from '../../../../provisioning/render/node.ts';
import { CHECKOUT } from '../../../support/dev.ts';

const SECRET = '0123456789abcdef0123';
const text = (kafka: string, ...nodes: string[]) => `cluster: { name: home, secret: ${SECRET} }
nodes:
${nodes.map((roles, i) => `  - { name: pi${i + 1}, address: '${i === 2 ? 'fd00::3' : `10.0.0.${i + 1}`}', roles: [${roles}] }\n`).join('')}mqtt: { users: [{ name: a, password: a-password-of-mine }] }
${kafka}`;
const BOTH = 'balancer, broker';
const render = (yaml: string, name: string) =>
  renderNode({
    cluster: parseCluster(yaml),
    clusterFile: '/etc/bramble/cluster.yaml',
    name,
    by: 'bramble render',
    natsSyncInterval: true,
  });

test("a node's names in Kafka stay, whatever other nodes there are, and its number has 31 bits", () => {
  const identity = (...nodes: string[]) => kafkaIdentity(parseCluster(text('', ...nodes)));
  const alone = identity(`${BOTH}, kafka`);
  const three = identity(`${BOTH}, kafka`, 'kafka', 'kafka');
  expect(three.nodes[0]).toEqual(alone.nodes[0]);
  expect(three.cluster).toBe(alone.cluster);
  expect(new Set(three.nodes.map(({ number }) => number)).size).toBe(3);
  for (const { number, directory } of three.nodes) {
    expect(number).toBeLessThan(2 ** 31);
    expect(directory).toMatch(/^[A-Za-z0-9_][\w-]{21}$/);
  }
  expect(foundingVoters(three, 9093)).toMatch(
    /^\d+@10\.0\.0\.1:9093:[\w-]{22},\d+@10\.0\.0\.2:9093:[\w-]{22},\d+@\[fd00::3\]:9093:[\w-]{22}$/,
  );
});

test('only nodes with the role have its files, and what they say of the node is read back', () => {
  const yaml = text('', `${BOTH}, kafka`, 'kafka', 'kafka', BOTH);
  expect([...render(yaml, 'pi4').keys()].filter((name) => name.startsWith('kafka'))).toEqual([]);
  const files = render(yaml, 'pi3');
  const { controller, clients } = piPorts(1).kafka;
  expect(readKafkaFacts(files.get('kafka.properties')!)).toEqual({
    number: kafkaIdentity(parseCluster(yaml)).nodes[2]!.number,
    data: '/var/lib/kafka',
    clients: { host: 'fd00::3', port: clients },
    controllers: ['10.0.0.1', '10.0.0.2', 'fd00::3'].map((host) => ({ host, port: controller })),
  });
  expect(files.get('kafka.properties')).toContain('min.insync.replicas=2\n');
  expect(files.get('kafka.env')).toContain(`KAFKA_VERSION=${KAFKA_VERSION}\n`);
  for (const file of ['kafka.properties', 'kafka.env', 'kafka-log4j2.yaml']) {
    expect(files.get(file)).toMatch(/^# Rendered by bramble render /m);
  }
});

test('the bridge finds it, and no secret is in a diff', () => {
  const sasl = "kafka: { sasl: { mechanism: plain, user: reader, password: 'of m\"i\\ne ä' } }\n";
  const cluster = parseCluster(text(sasl, `${BOTH}, kafka`, 'kafka', 'kafka'));
  expect(cluster.kafka?.bootstrap).toEqual(['10.0.0.1:9092', '10.0.0.2:9092', '[fd00::3]:9092']);
  const properties = render(text(sasl, `${BOTH}, kafka`), 'pi1').get('kafka.properties')!;
  expect(properties).toContain('user_reader="of m\\\\"i\\\\\\\\ne \\u00e4"');
  expect(properties).not.toContain(SECRET);
  const shown = maskSecrets(properties);
  expect(shown).not.toContain('of m');
  expect(shown).not.toContain(kafkaIdentity(cluster).password);
});

test('what cannot work is refused with its line', () => {
  const problems = (kafka: string, ...nodes: string[]) => {
    try {
      parseCluster(text(kafka, ...nodes));
      return [];
    } catch (error) {
      return (error as { problems: { line: number; column: number; message: string }[] }).problems;
    }
  };
  const own = `${BOTH}, kafka`;
  expect(problems('bridge: {}\n', own)).toEqual([]);
  expect(problems('bridge: {}\n', BOTH)).toEqual([
    expect.objectContaining({ line: 5, message: expect.stringContaining('kafka.bootstrap') }),
  ]);
  expect(problems('kafka: {}\n', BOTH)).toHaveLength(1);
  expect(problems('kafka: { tls: {} }\n', own)).toEqual([]);
  expect(problems('kafka: { tls: { authority: ca.pem } }\n', own)).toEqual([
    expect.objectContaining({ line: 5, message: expect.stringContaining('own certificates') }),
  ]);
  const sasl = (mechanism: string, user: string) =>
    problems(`kafka: { sasl: { mechanism: ${mechanism}, user: ${user}, password: x } }\n`, own);
  expect(sasl('plain', 'reader_1')).toEqual([]);
  expect(sasl('scram-sha-256', 'reader')[0]?.message).toContain('plain alone');
  expect(sasl('plain', 'a-b')[0]?.message).toContain('letters, digits');
});

test('there is one version of it', () => {
  const read = (file: string) => readFileSync(path.join(CHECKOUT, file), 'utf8');
  const pom = read('provisioning/kafka/pom.xml');
  const versions = [...pom.matchAll(/<groupId>org\.apache\.kafka<[\s\S]*?<version>(.*?)</g)];
  expect(versions.map(([, version]) => version)).toEqual([KAFKA_VERSION, KAFKA_VERSION]);
  expect(read('ansible/roles/kafka/defaults/main.yml')).toContain(
    `kafka_version: ${KAFKA_VERSION}\n`,
  );
});

test('the watchdog asks Kafka where it is, at its own address, and knows all controllers', () => {
  const yaml = text('', `${BOTH}, kafka`, 'kafka', BOTH);
  const services = (name: string) =>
    watchdogConfigSchema.parse(parseYaml(render(yaml, name).get('watchdog.yaml')!)).services;
  const { clients: port, controller } = piPorts(1).kafka;
  expect(services('pi2').find(({ name }) => name === 'kafka')).toMatchObject({
    unit: 'bramble-kafka.service',
    alive: [
      { tcp: { host: '10.0.0.2', port: controller } },
      {
        kafka: {
          ...{ host: '10.0.0.2', port },
          controllers: ['10.0.0.1', '10.0.0.2'].map((host) => ({ host, port: controller })),
        },
      },
    ],
    drain: false,
    reboot: false,
  });
  expect(services('pi3').some(({ name }) => name === 'kafka')).toBe(false);
});

test('with tls every listener has it, and who talks to Kafka is given whom to trust', () => {
  const tls = (...nodes: string[]) => text('kafka: { tls: {} }\nbridge: {}\n', ...nodes);
  const yaml = tls(`${BOTH}, kafka`, 'kafka', `${BOTH}, bridge`, BOTH);
  const files = (name: string) => render(yaml, name);
  const properties = files('pi2').get('kafka.properties')!;
  expect(properties).toContain('CLIENTS:SSL,INSIDE:SASL_SSL,CONTROLLER:SASL_SSL\n');
  expect(properties).toContain('ssl.keystore.location=/etc/bramble/kafka.pem\n');
  const authority = files('pi1').get('kafka-authority.pem')!;
  const certificate = files('pi2').get('kafka.pem')!;
  expect(files('pi2').get('kafka-authority.pem')).toBe(authority);
  expect(files('pi3').get('kafka-authority.pem')).toBe(authority);
  expect(files('pi3').has('kafka.pem')).toBe(false);
  expect(files('pi4').has('kafka-authority.pem')).toBe(false);
  const x509 = new X509Certificate(certificate);
  const issuer = new X509Certificate(authority);
  expect(x509.verify(issuer.publicKey)).toBe(true);
  expect(x509.checkIssued(issuer)).toBe(true);
  expect(x509.checkPrivateKey(createPrivateKey(certificate))).toBe(true);
  expect(x509.checkIP('10.0.0.2')).toBe('10.0.0.2');
  expect(x509.checkIP('10.0.0.1')).toBeUndefined();
  // Written again it is the same: an apply changes nothing.
  expect(files('pi2').get('kafka.pem')).toBe(certificate);
  expect(maskSecrets(certificate)).not.toContain(certificate.split('\n').at(-3));
  expect(parseCluster(yaml).kafka?.tls).toEqual({ authority: 'kafka-authority.pem' });
  const elsewhere = 'kafka: { bootstrap: [10.0.0.9:9092], tls: {} }\nbridge: {}\n';
  expect(parseCluster(text(elsewhere, BOTH)).kafka?.tls).toEqual({});
  expect(render(text(elsewhere, BOTH), 'pi1').has('kafka-authority.pem')).toBe(false);
});

test('keys of the curve P-256 follow from the secret, and from nothing else', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const key = derivedP256(SECRET, `use ${i}`);
    const { d = '', x = '' } = key.export({ format: 'jwk' });
    expect(Buffer.from(d, 'base64url').length).toBe(32);
    expect(derivedP256(SECRET, `use ${i}`).export({ format: 'jwk' }).x).toBe(x);
    const signed = sign('sha256', Buffer.from('x'), key);
    expect(verify('sha256', Buffer.from('x'), createPublicKey(key), signed)).toBe(true);
    seen.add(d);
  }
  expect(seen.size).toBe(200);
});
