import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import type { StatsView } from '../servers/types.ts';

/** How an order ended: what stands behind `;st=` in the address that the browser goes to next. */
export type Result = 'DONE' | 'PART' | 'ERRP' | 'NONE' | 'DENY' | 'EXCD';

/** What an order does to a server, and what the page calls it. */
interface Action {
  readonly label: string;
  /** Whether it means anything to the server (default: always). */
  applies?(server: Server): boolean;
  run(server: Server, view: StatsView): void;
}

/** Actions of the form, by what it sends (manual, `stats admin`). */
export const ACTIONS: Readonly<Record<string, Action>> = {
  ready: { label: 'Set state to READY', run: (server) => server.setState('ready') },
  drain: { label: 'Set state to DRAIN', run: (server) => server.setState('drain') },
  maint: { label: 'Set state to MAINT', run: (server) => server.setState('maint') },
  dhlth: {
    label: 'Health: disable checks',
    applies: (server) => server.config.check !== undefined && server.checksEnabled,
    run: (server) => {
      server.checksEnabled = false;
    },
  },
  ehlth: {
    label: 'Health: enable checks',
    applies: (server) => server.config.check !== undefined && !server.checksEnabled,
    run: (server) => {
      server.checksEnabled = true;
    },
  },
  hrunn: {
    label: 'Health: force UP',
    applies: (server) => server.tracked === undefined,
    run: (server) => server.setHealth('up'),
  },
  hnolb: {
    label: 'Health: force NOLB',
    applies: (server) => server.tracked === undefined,
    run: (server) => server.setHealth('stopping'),
  },
  hdown: {
    label: 'Health: force DOWN',
    applies: (server) => server.tracked === undefined,
    run: (server) => server.setHealth('down'),
  },
  dagent: {
    label: 'Agent: disable checks',
    applies: (server) => server.agent !== undefined && server.agentEnabled,
    run: (server) => {
      server.agentEnabled = false;
    },
  },
  eagent: {
    label: 'Agent: enable checks',
    applies: (server) => server.agent !== undefined && !server.agentEnabled,
    run: (server) => {
      server.agentEnabled = true;
    },
  },
  arunn: {
    label: 'Agent: force UP',
    applies: (server) => server.agent !== undefined && server.agentEnabled,
    run: (server) => server.setAgentHealth(true),
  },
  adown: {
    label: 'Agent: force DOWN',
    applies: (server) => server.agent !== undefined && server.agentEnabled,
    run: (server) => server.setAgentHealth(false),
  },
  shutdown: {
    label: 'Kill Sessions',
    run: (server, view) => {
      const sessions = [...(view.sessions?.() ?? [])];
      for (const one of sessions) if (one.facts.server?.current === server) one.sever('K');
    },
  },
};

/** Names that older pages sent. */
const FORMER: Readonly<Record<string, string>> = {
  enable: 'ready',
  start: 'ready',
  disable: 'maint',
  stop: 'drain',
};

/** Carries out a form: `s` names servers, `action` what to do, `b` the backend (`#` and its id). */
export function obey(form: string, view: StatsView): Result {
  const fields = new URLSearchParams(form);
  const [backendName, word] = [fields.get('b'), fields.get('action')];
  const names = fields.getAll('s');
  if (backendName === null || word === null || names.length === 0) return 'NONE';
  const key = FORMER[word] ?? word;
  const action = Object.hasOwn(ACTIONS, key) ? ACTIONS[key] : undefined;
  const backend = only(view.backends, backendName);
  if (!action || !backend) return 'ERRP';
  const servers = names.flatMap((name) => {
    const found = backend.servers.filter(({ config }) => config.name === name);
    return found.length === 1 ? found : [];
  });
  const changed = servers.filter((server) => action.applies?.(server) ?? true);
  for (const server of changed) action.run(server, view);
  if (servers.length > 0 && changed.length === 0) return 'NONE';
  if (servers.length === names.length) return 'DONE';
  return servers.length > 0 ? 'PART' : 'ERRP';
}

function only(backends: readonly Backend[], name: string): Backend | undefined {
  return backends.find(({ config }) =>
    name.startsWith('#') ? `#${config.id}` === name : config.name === name,
  );
}

/** What the page says of the order before, and in which colour. */
export const RESULTS: Readonly<Record<string, readonly [tone: string, text: string]>> = {
  DONE: ['up', 'Action processed successfully.'],
  NONE: ['sinking', 'Nothing has changed.'],
  PART: [
    'sinking',
    'Action partially processed. Some server names are probably unknown or ambiguous.',
  ],
  ERRP: [
    'down',
    'Action not processed because of invalid parameters: an unknown action, backend or server.',
  ],
  EXCD: ['down', 'Action not processed: there was too much at once. Retry with fewer servers.'],
  DENY: ['down', 'Action denied.'],
};
