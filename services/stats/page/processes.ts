import type { SupervisorStatus } from '#core/contracts/status.ts';
import type { ClusterSnapshot } from '../model/snapshot.ts';
import { lastKnown } from '../model/sourced.ts';
import { badge, silence, type Tone } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { type Column, figure, head, row } from './table.ts';
import { count, duration, moment, UNKNOWN } from './units.ts';

type Process = SupervisorStatus['processes'][number];
interface Row {
  process: Process;
  now: number;
  fresh: boolean;
}

const TONES: Record<Process['state'], Tone> = {
  starting: 'info',
  ready: 'ok',
  stopping: 'info',
  stopped: 'idle',
  backoff: 'warn',
};

const COLUMNS: readonly Column<Row>[] = [
  { key: 'name', label: 'Process', wide: true, cell: ({ process }) => ({ content: process.name }) },
  {
    key: 'state',
    label: 'State',
    wide: 'lead',
    cell: ({ process }) => ({ content: badge(TONES[process.state], process.state) }),
  },
  { key: 'node', label: 'Node', cell: ({ process }) => ({ content: process.node ?? '' }) },
  {
    key: 'pid',
    label: 'PID',
    numeric: true,
    cell: ({ process }) => ({ content: process.pid ?? '' }),
  },
  {
    key: 'up',
    label: 'Uptime',
    numeric: true,
    cell: ({ process: { startedAt, pid }, now, fresh }) => {
      if (!fresh) return { content: UNKNOWN };
      if (startedAt === undefined || pid === undefined) return { content: '' };
      return figure((now - startedAt) / 1000, duration);
    },
  },
  {
    key: 'restarts',
    label: 'Restarts',
    numeric: true,
    cell: ({ process }) => figure(process.restarts, count),
  },
  {
    key: 'exit',
    label: 'Last exit',
    wide: true,
    cell: ({ process: { lastExit }, now }) => ({
      content: lastExit ? `${lastExit.reason}, ${moment(lastExit.at, now)}` : '',
    }),
  },
];

/** What the supervisor says of each process. */
export function processes(snapshot: ClusterSnapshot, live: Live): Html | undefined {
  const { supervisor, at } = snapshot;
  if (!supervisor) return undefined;
  const fresh = supervisor.state === 'fresh';
  const known = lastKnown(supervisor)?.processes ?? [];
  return live.block('section', 'processes', { 'aria-labelledby': 'h-processes' }, () => [
    html`<h2 id="h-processes">Processes</h2>`,
    live.cell('p', 'supervisor', { class: 'source' }, silence(supervisor, at)),
    known.length > 0 &&
      html`<div class="scroll"><table>${head(COLUMNS)}<tbody>${known.map((process, index) =>
        row(COLUMNS, { process, now: at, fresh }, `p${index}`, live, fresh ? '' : 'stale'),
      )}</tbody></table></div>`,
  ]);
}
