import { parseAddress } from '../address.ts';
import type { ServerSettings } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import {
  type Context,
  type KeywordInfo,
  type KeywordTable,
  MAX_COUNT,
  parseInteger,
} from '../keyword.ts';
import { CHECK_PARAMETERS } from './server-check-parameters.ts';
import { MORE_SERVER_PARAMETERS } from './server-more.ts';
import { POOL_PARAMETERS } from './server-pool.ts';
import { PROXY_PARAMETERS } from './server-proxy.ts';
import { RESOLUTION_PARAMETERS } from './server-resolution.ts';
import { SERVER_TLS } from './server-tls.ts';
import { readSource } from './source.ts';

/** What one `server` line gathers: the settings, and what only a server itself can have. */
export interface ServerLine {
  settings: ServerSettings;
  /** Set by `id`. */
  id: number | undefined;
}

export interface ServerKeyword extends KeywordInfo {
  /** Words after the name. */
  arguments: 0 | 1;
  /** False where `default-server` cannot have it. */
  inherited: boolean;
  /** Returns what is wrong with `value`, if anything. */
  set(server: ServerLine, value: string, context: Context): string | undefined;
}

const switchTo = (summary: string, change: (settings: ServerSettings) => void): ServerKeyword => ({
  usage: '',
  summary,
  arguments: 0,
  inherited: true,
  set: ({ settings }) => {
    change(settings);
    return undefined;
  },
});

const integer = (
  name: string,
  { min, max, summary }: { min: number; max: number; summary: string },
  change: (settings: ServerSettings, value: number) => void,
): ServerKeyword => ({
  usage: '<number>',
  summary,
  arguments: 1,
  inherited: true,
  set: ({ settings }, text) => {
    const value = parseInteger(text);
    if (text === '') return `'${name}' expects an integer argument.`;
    if (value === undefined) return `'${name}' expects an integer, '${text}' is none.`;
    if (value < min || value > max) {
      return `'${name}' is not within ${min} and ${max} (${text}).`;
    }
    change(settings, value);
    return undefined;
  },
});

const interval = (
  name: string,
  summary: string,
  change: (settings: ServerSettings, value: number) => void,
): ServerKeyword => ({
  usage: '<time>',
  summary,
  arguments: 1,
  inherited: true,
  set: ({ settings }, text) => {
    const duration = parseDuration(text);
    if (duration.error?.kind === 'empty') return `'${name}' expects a delay as argument.`;
    if (duration.error) return describeDurationError(duration.error, text, `'${name}' argument`);
    if (duration.value === 0) return `invalid value ${text} for argument '${name}'.`;
    change(settings, duration.value);
    return undefined;
  },
});

/** Parameters of `server` and `default-server`: HAProxy 2.6 manual, section 5.2. */
export const SERVER_PARAMETERS: KeywordTable<ServerKeyword> = {
  ...CHECK_PARAMETERS,
  ...SERVER_TLS,
  ...MORE_SERVER_PARAMETERS,
  ...RESOLUTION_PARAMETERS,
  ...PROXY_PARAMETERS,
  addr: {
    usage: '<address>',
    summary: 'where checks go instead of the address of the server',
    arguments: 1,
    inherited: true,
    set: (server, text, { environment }) => {
      if (text === '') return "'addr' expects <ipv4|ipv6> as argument.";
      const parsed = parseAddress(text, environment);
      if (parsed.error !== undefined) return `'addr' : ${parsed.error}.`;
      const { host, ports } = parsed.address;
      if (host === '') return `'addr' : invalid address: '${text}'.`;
      if (ports && ports.first !== ports.last) return `'addr' : port range not permitted here.`;
      server.settings.checkAddress = host;
      if (ports) server.settings.checkAddressPort = ports.first;
      return undefined;
    },
  },
  backup: switchTo('used only when no other server is left', (s) => {
    s.backup = true;
  }),
  check: switchTo('check whether the server is alive', (s) => {
    s.checked = true;
  }),
  'check-send-proxy': switchTo('start checks with a PROXY header', (s) => {
    s.checkSendProxy = true;
  }),
  disabled: switchTo('start in maintenance', (s) => {
    s.disabled = true;
  }),
  downinter: interval('downinter', 'time between two checks of a server that is down', (s, v) => {
    s.downinter = v;
  }),
  enabled: switchTo('undo `disabled` of a default-server', (s) => {
    s.disabled = false;
  }),
  fall: integer(
    'fall',
    { min: 1, max: MAX_COUNT, summary: 'failed checks in a row that take it down' },
    (s, v) => {
      s.fall = v;
    },
  ),
  cookie: {
    usage: '<value>',
    summary: 'value of the stickiness cookie that stands for it',
    arguments: 1,
    inherited: true,
    set: ({ settings }, text) => {
      if (text === '') return "'cookie' expects <value> as argument.";
      settings.cookie = text;
      return undefined;
    },
  },
  fastinter: interval('fastinter', 'time between two checks while the state changes', (s, v) => {
    s.fastinter = v;
  }),
  id: {
    usage: '<number>',
    summary: 'number of the server in the statistics',
    arguments: 1,
    inherited: false,
    set: (server, text) => {
      const id = parseInteger(text);
      if (text === '') return "'id' : expects an integer argument.";
      if (id === undefined || id < 1 || id > MAX_COUNT) return "'id' : custom id has to be > 0.";
      server.id = id;
      return undefined;
    },
  },
  inter: interval('inter', 'time between two checks', (s, v) => {
    s.inter = v;
  }),
  maxconn: integer(
    'maxconn',
    { min: 0, max: MAX_COUNT, summary: 'most connections at a time; more wait in a queue' },
    (s, v) => {
      s.maxconn = v === 0 ? undefined : v;
    },
  ),
  maxqueue: integer(
    'maxqueue',
    { min: 0, max: MAX_COUNT, summary: 'most sessions that may wait for it' },
    (s, v) => {
      s.maxqueue = v === 0 ? undefined : v;
    },
  ),
  minconn: integer(
    'minconn',
    { min: 0, max: MAX_COUNT, summary: 'its limit while the backend has little to do' },
    (s, v) => {
      s.minconn = v === 0 ? undefined : v;
    },
  ),
  'no-backup': switchTo('undo `backup` of a default-server', (s) => {
    s.backup = false;
  }),
  'no-check': switchTo('undo `check` of a default-server', (s) => {
    s.checked = false;
  }),
  'no-check-send-proxy': switchTo('undo `check-send-proxy` of a default-server', (s) => {
    s.checkSendProxy = false;
  }),
  ...POOL_PARAMETERS,
  port: integer('port', { min: 1, max: 65_535, summary: 'port that checks go to' }, (s, v) => {
    s.checkPort = v;
  }),
  rise: integer(
    'rise',
    { min: 1, max: MAX_COUNT, summary: 'good checks in a row that bring it up' },
    (s, v) => {
      s.rise = v;
    },
  ),
  source: {
    usage: '<address>[:<port>]',
    summary: 'address of ours that connections to it come from',
    arguments: 1,
    inherited: true,
    set: ({ settings }, text, context) => {
      if (text === '') return "'source' expects <addr>[:<port>[-<port>]] as argument.";
      const source = readSource(text, context);
      if (typeof source === 'string') return `'source' : ${source}`;
      settings.source = source;
      return undefined;
    },
  },
  slowstart: {
    usage: '<time>',
    summary: 'time in which its weight rises to the full one after it has come up',
    arguments: 1,
    inherited: true,
    set: ({ settings }, text) => {
      const duration = parseDuration(text);
      if (duration.error?.kind === 'empty') return "'slowstart' expects a delay as argument.";
      if (duration.error) {
        return describeDurationError(duration.error, text, "'slowstart' argument");
      }
      settings.slowstart = duration.value === 0 ? undefined : duration.value;
      return undefined;
    },
  },
  weight: integer(
    'weight',
    { min: 0, max: 256, summary: 'share of the load; 0 gets none' },
    (s, v) => {
      s.weight = v;
    },
  ),
};
