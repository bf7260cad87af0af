import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { routeCertificates } from '../../provisioning/certificates/route-certificates.ts';
import type { Plan, PlannedNode } from '../../provisioning/render/plan.ts';
import { eventually } from '../support/broker.ts';
import { RenderedNats } from '../support/rendered-nats.ts';

const PATIENCE = 60_000;
/** It would have been let in many times by then: it tries each second. */
const LONG_ENOUGH = 5_000;
const FOREIGN = 'of-another-cluster-0123456789';

let root = '';
let nats: RenderedNats;
let plan: Plan;

interface Routes {
  routes: { remote_id: string }[];
}

const monitor = async <T>({ ports }: PlannedNode, page: string): Promise<T> =>
  (await (await fetch(`http://127.0.0.1:${ports.natsMonitor}/${page}`)).json()) as T;

/** Ids of the servers that it has a route to. */
const neighbours = async (node: PlannedNode): Promise<string[]> => {
  const { routes } = await monitor<Routes>(node, 'routez');
  return [...new Set(routes.map(({ remote_id }) => remote_id))];
};

/** The node with certificates for itself from a cluster's secret. */
async function certified(node: PlannedNode, secret: string): Promise<PlannedNode> {
  const certificate = path.join(root, `${node.name}.pem`);
  const authority = path.join(root, `${node.name}-authority.pem`);
  const issued = routeCertificates(secret, { name: node.name, address: node.host });
  await writeFile(certificate, issued.node);
  await writeFile(authority, issued.authority);
  return { ...node, routeTls: { certificate, authority } };
}

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'bramble-routes-'));
  nats = new RenderedNats(root, PATIENCE);
  const drawn = await nats.plan(4);
  const { secret } = drawn.cluster.cluster;
  const nodes = await Promise.all(
    drawn.nodes.map((node, i) => certified(node, i < 3 ? secret : FOREIGN)),
  );
  plan = { ...drawn, nodes };
}, PATIENCE);
afterAll(async () => {
  await nats.close();
  await rm(root, { recursive: true, force: true });
});

test(
  'nodes speak TLS with each other, and none with a certificate of another secret joins them',
  async () => {
    const own = plan.nodes.slice(0, 3);
    // What a node knows of the others includes the fourth, with the right login.
    await nats.start(plan, own);
    await eventually(
      'each has two neighbours',
      async () => (await Promise.all(own.map(neighbours))).every(({ length }) => length === 2),
      PATIENCE,
    );
    for (const node of own) {
      const { cluster } = await monitor<{ cluster: Record<string, unknown> }>(node, 'varz');
      expect(cluster).toMatchObject({ tls_required: true, tls_verify: true });
    }
    const stranger = plan.nodes[3]!;
    await nats.start(plan, [stranger], 'varz');
    await sleep(LONG_ENOUGH);
    expect(await neighbours(stranger)).toEqual([]);
    const { server_id } = await monitor<{ server_id: string }>(stranger, 'varz');
    for (const node of own) expect(await neighbours(node)).not.toContain(server_id);
  },
  PATIENCE * 2,
);
