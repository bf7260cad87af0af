import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseCluster } from '#core/config/cluster.ts';
import { brokerConfigSchema } from '#core/contracts/service-config.ts';
import { adminToken, renderBroker } from '../../../../provisioning/render/broker.ts';
import { natsLogin } from '../../../../provisioning/render/nats.ts';
import { planOf } from '../plan.ts';

test('the admin token is the cluster’s own, and opens nothing else', () => {
  const plan = planOf(2);
  const config = brokerConfigSchema.parse(parse(renderBroker(plan, plan.nodes[0]!)));
  const { secret } = plan.cluster.cluster;
  expect(config.admin?.token).toBe(adminToken(secret));
  expect(adminToken(secret)).not.toBe(adminToken(`${secret}!`));
  expect(adminToken(secret)).not.toBe(natsLogin(secret, 'client').password);
});

test('TLS listeners are there when cluster.yaml has certificates, and only then', () => {
  const plan = planOf(1);
  const without = brokerConfigSchema.parse(parse(renderBroker(plan, plan.nodes[0]!)));
  expect([without.listen.mqttTls, without.listen.websocketTls]).toEqual([undefined, undefined]);
  const { mqtt } = parseCluster(`cluster: { name: t, secret: 0123456789abcdef }
nodes: [ { name: a, address: 10.0.0.1 } ]
mqtt: { tls: { certificate: c.pem, key: k.pem } }`);
  const secure = { ...plan, cluster: { ...plan.cluster, mqtt } };
  const { listen } = brokerConfigSchema.parse(parse(renderBroker(secure, plan.nodes[0]!)));
  const { mqttTls, websocketTls } = plan.nodes[0]!.ports;
  expect([listen.mqttTls?.port, listen.websocketTls?.port]).toEqual([mqttTls, websocketTls]);
});

test('client certificates need their authority', () => {
  expect(() =>
    parseCluster(`cluster: { name: t, secret: 0123456789abcdef }
nodes: [ { name: a, address: 10.0.0.1 } ]
mqtt: { tls: { certificate: c.pem, key: k.pem, clients: { certificate: required } } }`),
  ).toThrow(/3:\d+: mqtt\.tls\.clients\.authority: client certificates need/);
});
