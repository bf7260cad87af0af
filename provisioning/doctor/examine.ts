import { z } from 'zod';
import { explain } from '../ansible/faults.ts';
import { sshRun } from '../ansible/ssh.ts';
import { addressOf } from '../apply/failure.ts';
import { findProgram } from '../dev/find-program.ts';
import type { Workspace } from '../inventory/workspace.ts';
import { short } from '../plan/plan-text.ts';

/** One thing that is wrong, and the command that mends it. */
export interface Finding {
  /** A node, or `here`. */
  subject: string;
  what: string;
  mend: string;
}

/** What `bramble node inspect` answers: see provisioning/node/inspect.ts. */
export const inspectionSchema = z.object({
  hostname: z.string(),
  release: z.string().nullable(),
  cluster: z.string().nullable(),
  units: z.array(
    z.object({ unit: z.string(), active: z.string(), sub: z.string(), restarts: z.number() }),
  ),
  drainedBy: z.array(z.string()),
  addresses: z.array(z.string()),
  now: z.number(),
  disk: z.object({ size: z.number(), free: z.number() }),
  gate: z.object({ ready: z.boolean(), reasons: z.array(z.string()) }),
});
export type Inspected = z.output<typeof inspectionSchema>;

const NODE_COMMAND = '/opt/bramble/current/bin/bramble';
/** Milliseconds that a clock may be off. */
const CLOCK_MAX = 5_000;
/** Share of a disk that must be free. */
const DISK_MIN = 0.08;
const RESTARTS_MAX = 5;

/** Looks at everything from here, at all nodes at once. Never rejects for a node that is ill. */
export async function examine(workspace: Workspace): Promise<Finding[]> {
  const findings = missingPrograms();
  if (findings.length > 0) return findings;
  const names = workspace.cluster.nodes.map(({ name }) => name);
  const looked = await Promise.all(names.map((name) => look(workspace, name)));
  const seen = looked.flatMap(({ node }) => (node === undefined ? [] : [node]));
  return [...looked.flatMap((one) => one.findings), ...differences(workspace, seen)];
}

function missingPrograms(): Finding[] {
  return ['ansible-playbook', 'ssh']
    .filter((name) => findProgram(name) === undefined)
    .map((name) => ({
      subject: 'here',
      what: `${name} is not installed`,
      mend: 'make setup-ansible',
    }));
}

interface Look {
  findings: Finding[];
  node: { name: string; told: Inspected } | undefined;
}

async function look(workspace: Workspace, name: string): Promise<Look> {
  const target = addressOf(workspace, name);
  const asked = performance.now();
  const { code, out, err } = await sshRun(workspace, name, [NODE_COMMAND, 'node', 'inspect']);
  const took = performance.now() - asked;
  const only = (what: string, mend: string): Look => ({
    findings: [{ subject: name, what, mend }],
    node: undefined,
  });
  if (code !== 0) {
    const fault = explain(err, target);
    if (fault !== undefined) return only(fault.what, fault.mend);
    if (/not found|No such file/.test(err)) {
      return only('nothing of ours is installed there', 'bramble apply --release DIRECTORY');
    }
    return only(err.trim().split('\n').at(-1) ?? `ssh ended with ${code}`, `bramble logs ${name}`);
  }
  const told = inspectionSchema.safeParse(jsonOf(out));
  if (!told.success)
    return only('runs another release, whose words are not known here', 'bramble upgrade RELEASE');
  return {
    node: { name, told: told.data },
    findings: inspect(name, told.data, took, target).map((found) => ({ subject: name, ...found })),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a node says of itself that is not well. `took` is how long it was asked for, milliseconds. */
export function inspect(
  name: string,
  told: Inspected,
  took: number,
  target: { user: string; address: string },
): Omit<Finding, 'subject'>[] {
  const ssh = `ssh ${target.user}@${target.address} sudo`;
  const found: Omit<Finding, 'subject'>[] = [];
  if (told.hostname !== name) {
    found.push({ what: `calls itself "${told.hostname}"`, mend: `bramble apply --nodes ${name}` });
  }
  const off = told.now - Date.now();
  if (Math.abs(off) > CLOCK_MAX + took) {
    found.push({
      what: `its clock is ${Math.round(off / 1000)} s off`,
      mend: `${ssh} chronyc makestep`,
    });
  }
  if (told.disk.free < told.disk.size * DISK_MIN) {
    const mib = Math.round(told.disk.free / 1_048_576);
    found.push({
      what: `its disk has ${mib} MiB left`,
      mend: `${ssh} du -xh -d2 /var | sort -h | tail`,
    });
  }
  for (const { unit, active, sub, restarts } of told.units) {
    if (active === 'failed') {
      found.push({
        what: `${short(unit)} has failed (${sub})`,
        mend: `bramble logs ${name} --service ${short(unit)}`,
      });
    } else if (restarts > RESTARTS_MAX) {
      found.push({
        what: `${short(unit)} was started again ${restarts} times`,
        mend: `bramble logs ${name} --service ${short(unit)}`,
      });
    }
  }
  for (const who of told.drainedBy) {
    const mend =
      who === 'operator' ? `bramble undrain ${name}` : `${ssh} bramble node undrain --by ${who}`;
    found.push({ what: `takes no clients: drained by ${who}`, mend });
  }
  const drained = told.drainedBy.map((who) => `: drained by ${who}`);
  for (const reason of told.gate.reasons) {
    if (drained.some((text) => reason.endsWith(text))) continue;
    found.push({ what: reason, mend: `bramble logs ${name}` });
  }
  return found;
}

/** What differs between nodes and should not, and who has the virtual address. */
export function differences(
  { cluster, hash }: Pick<Workspace, 'cluster' | 'hash'>,
  nodes: readonly { name: string; told: Inspected }[],
): Finding[] {
  const findings: Finding[] = [];
  const releases = new Map<string, string[]>();
  for (const { name, told } of nodes) {
    const release = told.release ?? 'none';
    releases.set(release, [...(releases.get(release) ?? []), name]);
    if (told.cluster !== hash) {
      findings.push({
        subject: name,
        what: 'runs with another cluster.yaml than the one here',
        mend: 'bramble plan, then bramble apply',
      });
    }
  }
  if (releases.size > 1) {
    const list = [...releases].map(([release, names]) => `${release} on ${names.join(', ')}`);
    findings.push({
      subject: 'cluster',
      what: `several releases: ${list.join('; ')}`,
      mend: 'bramble upgrade RELEASE',
    });
  }
  const { vip } = cluster;
  if (vip === undefined || nodes.length < cluster.nodes.length) return findings;
  const owners = nodes.filter(({ told }) => told.addresses.includes(vip)).map(({ name }) => name);
  if (owners.length === 1) return findings;
  findings.push({
    subject: 'cluster',
    what:
      owners.length === 0
        ? `no node has the vip ${vip}`
        : `${owners.join(' and ')} have the vip ${vip}`,
    mend: `bramble logs ${owners[0] ?? nodes[0]?.name ?? 'NODE'} --service keepalived`,
  });
  return findings;
}
