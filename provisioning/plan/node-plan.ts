import { z } from 'zod';
import type { PlaybookEvent } from '../ansible/events.ts';
import { maskSecrets } from '../node/mask.ts';

/** The answer of `bramble node stage`: see provisioning/node/activate.ts. */
const stageSchema = z.object({
  changed: z.boolean(),
  release: z.object({ from: z.string().nullable(), to: z.string() }).nullable(),
  files: z.array(
    z.object({ file: z.string(), what: z.enum(['new', 'changed', 'removed']), diff: z.string() }),
  ),
  work: z.object({
    start: z.array(z.string()),
    restart: z.array(z.string()),
    reload: z.array(z.string()),
    stop: z.array(z.string()),
  }),
});
export type Stage = z.output<typeof stageSchema>;

/** What apply would do to one node. */
export interface NodePlan {
  /** Of the machine: packages, firewall, users. */
  system: { task: string; diff: string }[];
  bramble: Stage | undefined;
  /** Why it cannot be known. */
  failure: string | undefined;
}

/** Gathers what a playbook in check mode tells, by node. */
export class PlanReader {
  readonly nodes = new Map<string, NodePlan>();

  read(event: PlaybookEvent): void {
    if (event.event !== 'result') return;
    const plan = this.#of(event.host);
    if (event.status === 'failed' || event.status === 'unreachable') {
      plan.failure ??= String(event.msg ?? 'failed');
      return;
    }
    const stage = stageSchema.safeParse(event.msg);
    if (stage.success) {
      plan.bramble = stage.data;
      return;
    }
    if (event.status !== 'changed' || event.task.startsWith('base : Load')) return;
    const task = event.task.replace(/^[a-z]+ : /, '');
    plan.system.push({ task, diff: maskSecrets(event.diff ?? '').trim() });
  }

  #of(host: string): NodePlan {
    let plan = this.nodes.get(host);
    if (plan === undefined) {
      plan = { system: [], bramble: undefined, failure: undefined };
      this.nodes.set(host, plan);
    }
    return plan;
  }
}

/** Whether apply would change anything there. */
export function changesSomething({ system, bramble }: NodePlan): boolean {
  return system.length > 0 || bramble?.changed === true;
}
