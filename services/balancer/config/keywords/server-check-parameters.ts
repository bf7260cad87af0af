import {
  type AgentConfig,
  DEFAULT_HEALTH,
  type HealthConfig,
} from '../../servers/health-config.ts';
import { parseAddress } from '../address.ts';
import type { ServerSettings } from '../draft.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import { type KeywordTable, MAX_COUNT, parseInteger } from '../keyword.ts';
import type { ServerKeyword } from './server-parameters.ts';

const MAX_PORT = 65_535;
const DEFAULT_AGENT_INTER = 2000;

type Change = (text: string) => Partial<HealthConfig> | string;

const health = (usage: string, summary: string, change: Change): ServerKeyword => ({
  usage,
  summary,
  arguments: usage === '' ? 0 : 1,
  inherited: true,
  set: ({ settings }, text) => {
    const changed = change(text);
    if (typeof changed === 'string') return changed;
    settings.health = { ...settings.health, ...changed };
    return undefined;
  },
});

const agent = (
  usage: string,
  summary: string,
  change: (
    text: string,
    environment: ReadonlyMap<string, string>,
  ) => Partial<AgentSettings> | string,
): ServerKeyword => ({
  usage,
  summary,
  arguments: usage === '' ? 0 : 1,
  inherited: true,
  set: ({ settings }, text, { environment }) => {
    const changed = change(text, environment);
    if (typeof changed === 'string') return changed;
    settings.agent = { ...settings.agent, ...changed };
    return undefined;
  },
});

/** Fixed words as an argument. */
const oneOf =
  <T extends string>(
    known: readonly T[],
    complaint: string,
    change: (word: T) => Partial<HealthConfig>,
  ) =>
  (text: string): Partial<HealthConfig> | string => {
    const word = known.find((one) => one === text);
    return word === undefined ? `${complaint} but got '${text}'.` : change(word);
  };

/** `agent-check` with its parameters, which may come in any order. */
export interface AgentSettings extends Omit<AgentConfig, 'port'> {
  enabled: boolean;
  port: number | undefined;
}

export const newAgentSettings = (): AgentSettings => ({
  enabled: false,
  host: undefined,
  port: undefined,
  inter: DEFAULT_AGENT_INTER,
  send: '',
});

/** TLS of checks, apart from that of the traffic. */
export interface CheckTlsSettings {
  enabled: boolean;
  servername: string | undefined;
  alpn: readonly string[];
}

export const newCheckTlsSettings = (): CheckTlsSettings => ({
  enabled: false,
  servername: undefined,
  alpn: [],
});

const checkTls = (
  usage: string,
  summary: string,
  change: (text: string) => Partial<CheckTlsSettings> | string,
): ServerKeyword => ({
  usage,
  summary,
  arguments: usage === '' ? 0 : 1,
  inherited: true,
  set: ({ settings }, text) => {
    const changed = change(text);
    if (typeof changed === 'string') return changed;
    settings.checkTls = { ...settings.checkTls, ...changed };
    return undefined;
  },
});

/** Parameters of `server` that are about its health: HAProxy 2.6 manual, section 5.2. */
export const CHECK_PARAMETERS: KeywordTable<ServerKeyword> = {
  'agent-addr': agent('<address>', 'where its agent is asked', (text, environment) => {
    const parsed = parseAddress(text, environment);
    if (parsed.error !== undefined) return `parsing agent-addr failed. ${parsed.error}.`;
    const { host } = parsed.address;
    return host === '' ? "'agent-addr' expects an address." : { host };
  }),
  'agent-check': agent('', 'ask an agent for its state, weight and limit', () => ({
    enabled: true,
  })),
  'agent-inter': agent('<time>', 'time between two questions to its agent', (text) => {
    const { value, error } = parseDuration(text) as { value?: number; error?: never };
    if (error) return describeDurationError(error, text, "'agent-inter' argument");
    return value ? { inter: value } : `invalid value ${text} for argument 'agent-inter'.`;
  }),
  'agent-port': agent('<port>', 'port that its agent is asked on', (text) => {
    const port = parseInteger(text);
    if (port === undefined || port < 0 || port > MAX_PORT) {
      return `'agent-port' expects a port, '${text}' is none.`;
    }
    return { port: port || undefined };
  }),
  'agent-send': agent('<string>', 'what its agent is sent first', (text) =>
    text === '' ? "'agent-send' expects a string." : { send: text },
  ),
  'check-alpn': checkTls('<protocols>', 'ALPN of its checks', (text) =>
    text === '' ? "'check-alpn' expects a list of protocols." : { alpn: text.split(',') },
  ),
  'check-sni': checkTls('<name>', 'server name that its checks ask for', (text) =>
    text === '' ? "'check-sni' expects a name." : { servername: text },
  ),
  'check-ssl': checkTls('', 'check with TLS', () => ({ enabled: true })),
  'error-limit': health('<number>', 'errors in a row that `on-error` is for', (text) => {
    const errorLimit = parseInteger(text);
    if (text === '') return "'error-limit' expects an integer argument.";
    if (errorLimit === undefined || errorLimit < 1 || errorLimit > MAX_COUNT) {
      return 'error-limit has to be > 0.';
    }
    return { errorLimit };
  }),
  'no-agent-check': agent('', 'undo `agent-check` of a default-server', () => ({
    enabled: false,
  })),
  'no-check-ssl': checkTls('', 'undo `check-ssl` of a default-server', () => ({ enabled: false })),
  observe: health(
    'none | layer4 | layer7',
    'judge it by its sessions, too',
    oneOf(
      ['none', 'layer4', 'layer7'],
      "'observe' expects one of 'none', 'layer4', 'layer7'",
      (word) => ({
        observe: word === 'none' ? undefined : word,
      }),
    ),
  ),
  'on-error': health(
    'fastinter | fail-check | sudden-death | mark-down',
    'what too many errors lead to',
    oneOf(
      ['fastinter', 'fail-check', 'sudden-death', 'mark-down'],
      "'on-error' expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down'",
      (onError) => ({ onError }),
    ),
  ),
  'on-marked-down': health(
    'shutdown-sessions',
    'end its sessions when it goes down',
    oneOf(['shutdown-sessions'], "'on-marked-down' expects 'shutdown-sessions'", () => ({
      shutsSessions: true,
    })),
  ),
  'on-marked-up': health(
    'shutdown-backup-sessions',
    'end the sessions of backup servers when it comes up',
    oneOf(
      ['shutdown-backup-sessions'],
      "'on-marked-up' expects 'shutdown-backup-sessions'",
      () => ({
        shutsBackups: true,
      }),
    ),
  ),
  track: {
    usage: '[<proxy>/]<server>',
    summary: 'be in the state of another server',
    arguments: 1,
    inherited: true,
    set: ({ settings }, text) => {
      if (text === '') return "'track' expects [<proxy>/]<server> as argument.";
      const slash = text.indexOf('/');
      const proxy = slash < 0 ? undefined : text.slice(0, slash);
      const track = { proxy, server: text.slice(slash + 1) };
      settings.health = { ...settings.health, track };
      return undefined;
    },
  },
};

/** What a server's line makes of the settings; undefined where all is as by default. */
export function toHealth(settings: ServerSettings): HealthConfig | undefined {
  const { enabled, port, host, inter, send } = settings.agent;
  const asked = enabled && port !== undefined ? { host, port, inter, send } : undefined;
  const config = { ...settings.health, agent: asked };
  const changed = Object.entries(config).some(
    ([name, value]) => value !== DEFAULT_HEALTH[name as keyof HealthConfig],
  );
  return changed ? config : undefined;
}
