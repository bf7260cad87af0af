import { type KeywordTable, parseInteger } from '../keyword.ts';
import type { ServerKeyword } from './server-parameters.ts';

/** A parameter whose value names a protocol; only HTTP/1 is spoken. */
const protocol = (
  name: string,
  allowed: readonly string[],
  known: readonly string[],
): ServerKeyword => ({
  usage: allowed.join(' | '),
  summary: 'accepted: HTTP/1 is what is spoken',
  arguments: 1,
  inherited: true,
  set: (_server, text) => {
    if (allowed.includes(text)) return undefined;
    if (known.includes(text))
      return `'${name}' : '${text}' is not supported: only HTTP/1 is spoken.`;
    return `'${name}' :  unknown MUX protocol '${text}'.`;
  },
});

const ignored = (summary: string): ServerKeyword => ({
  usage: '',
  summary: `accepted: ${summary}`,
  arguments: 0,
  inherited: true,
  set: () => undefined,
});

/** Further parameters of servers: HAProxy 2.6 manual, section 5.2. */
export const MORE_SERVER_PARAMETERS: KeywordTable<ServerKeyword> = {
  proto: protocol('proto', ['h1', 'none'], ['h2', 'fcgi']),
  'check-proto': protocol('check-proto', ['h1', 'none'], ['h2', 'fcgi']),
  ws: protocol('ws', ['auto', 'h1'], ['h2']),
  tfo: ignored('the first bytes go out once the connection stands'),
  'no-tfo': ignored('the first bytes go out once the connection stands'),
  'max-reuse': {
    usage: '<count>',
    summary: 'requests that a connection carries besides its first, -1 = no limit',
    arguments: 1,
    inherited: true,
    set: ({ settings }, text) => {
      const value = parseInteger(text);
      if (value === undefined) return `'max-reuse' expects an integer, '${text}' is none.`;
      if (value < -1) return "'max-reuse' must be >= -1.";
      settings.maxReuse = value < 0 ? undefined : value;
      return undefined;
    },
  },
  redir: {
    usage: '<prefix>',
    summary: 'GET and HEAD requests are sent to this prefix of their target, not to the server',
    arguments: 1,
    inherited: true,
    set: ({ settings }, text) => {
      if (text === '') return "'redir' expects <prefix> as argument.";
      settings.redirection = text;
      return undefined;
    },
  },
  'non-stick': {
    usage: '',
    summary: 'never remembered by `stick` rules',
    arguments: 0,
    inherited: true,
    set: ({ settings }) => {
      settings.nonStick = true;
      return undefined;
    },
  },
  stick: {
    usage: '',
    summary: 'undo `non-stick` of a default-server',
    arguments: 0,
    inherited: true,
    set: ({ settings }) => {
      settings.nonStick = false;
      return undefined;
    },
  },
};
