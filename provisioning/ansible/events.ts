import { z } from 'zod';

/** What the playbooks tell while they run: see ansible/plugins/callback/bramble_events.py. */
const summary = z.object({
  ok: z.number(),
  changed: z.number(),
  failures: z.number(),
  unreachable: z.number(),
  rescued: z.number(),
});

export const playbookEventSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('play'), name: z.string() }),
  z.object({ event: z.literal('task'), name: z.string() }),
  z.object({
    event: z.literal('result'),
    status: z.enum(['ok', 'changed', 'failed', 'ignored', 'unreachable']),
    host: z.string(),
    task: z.string(),
    msg: z.unknown().optional(),
    diff: z.string().optional(),
  }),
  z.object({ event: z.literal('end'), hosts: z.record(z.string(), summary) }),
]);

export type PlaybookEvent = z.output<typeof playbookEventSchema>;
export type HostSummary = z.output<typeof summary>;

/** Undefined for a line that is none: ansible's own warnings. */
export function parseEvent(line: string): PlaybookEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const read = playbookEventSchema.safeParse(JSON.parse(line));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
