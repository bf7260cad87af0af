import { z } from 'zod';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { STANDARD_PORTS } from '#core/contracts/ports.ts';
import { brokerStatusSchema } from '#core/contracts/status.ts';
import { vitalsSchema } from '#core/contracts/vitals.ts';
import { describeError } from '#core/errors.ts';
import { at } from '../render/plan.ts';

/** What a page knows of somebody: how old, and the last that was heard. */
const sourced = <T extends z.ZodType>(value: T) =>
  z.object({ state: z.string(), value: value.optional().catch(undefined) });

/** The parts of `/api/cluster` that are shown here; the page's own model has more. */
const snapshotSchema = z.object({
  at: z.number(),
  health: z.object({
    state: z.string(),
    problems: z.array(z.object({ level: z.string(), subject: z.string(), text: z.string() })),
  }),
  nodes: z.array(
    z.object({
      name: z.string(),
      vitals: sourced(vitalsSchema),
      broker: z.object({ status: sourced(brokerStatusSchema) }).optional(),
      nats: sourced(z.object({ version: z.string() })).optional(),
    }),
  ),
  /** The virtual ones; absent where there are none, and from an older release. */
  addresses: z
    .array(
      z.object({
        address: z.string(),
        owners: z.array(z.object({ node: z.string(), since: z.number() })),
      }),
    )
    .optional(),
  balancers: z.array(
    z.object({ node: z.string(), status: sourced(z.object({ ready: z.boolean() })) }),
  ),
});
export type PageSnapshot = z.output<typeof snapshotSchema>;

export interface NodeAnswer {
  name: string;
  address: string;
  /** Undefined: its page does not answer, and `error` says why. */
  snapshot: PageSnapshot | undefined;
  error: string | undefined;
}

const TIMEOUT = 4_000;
const BODY_MAX = 8 << 20;

/** Asks the page of every node at once, each for all. Never rejects. */
export function askPages(
  { nodes }: ClusterConfig,
  port: number = STANDARD_PORTS.page,
): Promise<NodeAnswer[]> {
  return Promise.all(
    nodes.map(async ({ name, address }) => {
      try {
        const response = await fetch(`http://${at(address, port)}/api/cluster`, {
          signal: AbortSignal.timeout(TIMEOUT),
          headers: { connection: 'close' },
        });
        if (!response.ok) throw new Error(`status ${response.status}`);
        const length = Number(response.headers.get('content-length') ?? 0);
        if (length > BODY_MAX) throw new Error('an answer that is too long');
        const snapshot = snapshotSchema.parse(await response.json());
        return { name, address, snapshot, error: undefined };
      } catch (error) {
        return { name, address, snapshot: undefined, error: reason(error) };
      }
    }),
  );
}

function reason(error: unknown): string {
  if (error instanceof z.ZodError) return 'answers in words of another release';
  if ((error as { name?: string }).name === 'TimeoutError') return 'does not answer';
  const text = describeError(error);
  return /ECONNREFUSED/.test(text) ? 'nothing answers there' : text.replace(/^fetch failed: /, '');
}
