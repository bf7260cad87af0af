import { statSync } from 'node:fs';
import type { GlobalDraft } from '../draft.ts';
import { parseDuration } from '../duration.ts';
import {
  type Keyword,
  type KeywordTable,
  MAX_COUNT,
  onlyArguments,
  parseInteger,
} from '../keyword.ts';
import { PROTOCOL_OPTIONS } from '../tls/options.ts';
import { type GlobalTls, globalTls, type ProtocolSettings } from '../tls/settings.ts';

type Row = Keyword<GlobalDraft>;

/** One word that goes to `key` of the listeners' or the servers' defaults. */
const suites = (
  name: string,
  side: 'bind' | 'server',
  key: 'ciphers' | 'ciphersuites' | 'curves',
): Row => ({
  usage: key === 'curves' ? '<curves>' : '<suites>',
  summary: `\`${key}\` of every ${side} line that has none`,
  parse: (global, statement, context) => {
    const value = statement.word(1);
    if (value === '') {
      const what = key === 'curves' ? 'a curves suite' : 'a cipher suite';
      const message = `global statement '${name}' expects ${what} as an argument.`;
      return context.problems.alert(statement.position, message);
    }
    if (onlyArguments(statement, 1, context)) globalTls(global)[side][key] = value;
  },
});

const options = (name: string, side: 'bind' | 'server'): Row => ({
  usage: '<option>...',
  summary: `versions and tickets of every ${side} line that says nothing else`,
  parse: (global, statement, { problems }) => {
    if (statement.length === 1) {
      const message = `global statement '${name}' expects an option as an argument.`;
      return problems.alert(statement.position, message);
    }
    const target = globalTls(global)[side];
    for (let index = 1; index < statement.length; index++) {
      const word = statement.word(index);
      if (side === 'bind' && setBindFlag(globalTls(global), word)) continue;
      const option = Object.hasOwn(PROTOCOL_OPTIONS, word) ? PROTOCOL_OPTIONS[word] : undefined;
      if (!option) {
        const message = `unknown option '${word}' on global statement '${name}'.`;
        return problems.alert(statement.at(index), message);
      }
      const error = setOption(target, option, statement.word(index + 1));
      if (error !== undefined) return problems.alert(statement.at(index), error);
      index += option.arguments;
    }
  },
});

const setOption = (
  target: ProtocolSettings,
  option: (typeof PROTOCOL_OPTIONS)[string],
  value: string,
): string | undefined => option.set(target, option.arguments === 0 ? '' : value);

function setBindFlag({ bind }: GlobalTls, word: string): boolean {
  if (word === 'strict-sni') bind.strictSni = true;
  else if (word === 'prefer-client-ciphers') bind.preferClientCiphers = true;
  else return false;
  return true;
}

const base = (name: string, key: 'crtBase' | 'caBase'): Row => ({
  usage: '<directory>',
  summary: `where relative ${key === 'crtBase' ? '`crt`' : '`ca-file` and `crl-file`'} paths begin`,
  parse: (global, statement, context) => {
    const directory = statement.word(1);
    if (directory === '') {
      const message = `global statement '${name}' expects a directory path as an argument.`;
      return context.problems.alert(statement.position, message);
    }
    if (!onlyArguments(statement, 1, context)) return;
    const tls = globalTls(global);
    if (tls[key] !== undefined) {
      return context.problems.alert(statement.position, `'${name}' already specified.`);
    }
    tls[key] = directory;
  },
});

/** A number that OpenSSL would be told and that has no counterpart here, or goes to `set`. */
const count = (
  name: string,
  summary: string,
  set?: (tls: GlobalTls, value: number) => void,
): Row => ({
  usage: '<number>',
  summary,
  parse: (global, statement, context) => {
    if (!onlyArguments(statement, 1, context)) return;
    const text = statement.word(1);
    if (text === '') {
      return context.problems.alert(statement.position, `'${name}' expects an integer argument.`);
    }
    // As the C library reads it: what is no number counts as 0.
    const value = Math.min(MAX_COUNT, Math.max(0, parseInteger(text) ?? 0));
    set?.(globalTls(global), value);
  },
});

/** TLS keywords of the global section: HAProxy 2.6 manual, sections 3.1 and 3.2. */
export const GLOBAL_TLS: KeywordTable<Row> = {
  'ca-base': base('ca-base', 'caBase'),
  'crt-base': base('crt-base', 'crtBase'),
  'ssl-default-bind-ciphers': suites('ssl-default-bind-ciphers', 'bind', 'ciphers'),
  'ssl-default-bind-ciphersuites': suites('ssl-default-bind-ciphersuites', 'bind', 'ciphersuites'),
  'ssl-default-bind-curves': suites('ssl-default-bind-curves', 'bind', 'curves'),
  'ssl-default-bind-options': options('ssl-default-bind-options', 'bind'),
  'ssl-default-server-ciphers': suites('ssl-default-server-ciphers', 'server', 'ciphers'),
  'ssl-default-server-ciphersuites': suites(
    'ssl-default-server-ciphersuites',
    'server',
    'ciphersuites',
  ),
  'ssl-default-server-options': options('ssl-default-server-options', 'server'),
  'ssl-dh-param-file': {
    usage: '<file>',
    summary: 'accepted; parameters are chosen by the size of the key',
    parse: (_global, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const file = statement.word(1);
      if (statSync(file, { throwIfNoEntry: false })?.isFile()) return;
      const message = `'ssl-dh-param-file': unable to load DH parameters from file <${file}>.`;
      context.problems.alert(statement.position, message);
    },
  },
  'ssl-server-verify': {
    usage: '{none | required}',
    summary: '`verify` of every server line that has none',
    parse: (global, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const value = statement.word(1);
      if (value !== 'none' && value !== 'required') {
        const message = "'ssl-server-verify' expects 'none' or 'required' as argument.";
        return context.problems.alert(statement.position, message);
      }
      globalTls(global).serverVerify = value;
    },
  },
  'tune.ssl.cachesize': count(
    'tune.ssl.cachesize',
    'sessions kept for clients without tickets',
    (tls, value) => {
      tls.cacheSize = value;
    },
  ),
  'tune.ssl.default-dh-param': {
    usage: '<bits>',
    summary: 'accepted; parameters are chosen by the size of the key',
    parse: (_global, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      if ((parseInteger(statement.word(1)) ?? 0) >= 1024) return;
      const message = "'tune.ssl.default-dh-param' expects a value >= 1024.";
      context.problems.alert(statement.position, message);
    },
  },
  'tune.ssl.lifetime': {
    usage: '<seconds>',
    summary: 'how long a session can be resumed',
    parse: (global, statement, context) => {
      const text = statement.word(1);
      const parsed = parseDuration(/^\d+$/.test(text) ? `${text}s` : text);
      if (parsed.error) {
        const bad = /[^\d]/.exec(text)?.[0] ?? '';
        const message =
          text === ''
            ? "'tune.ssl.lifetime' expects ssl sessions <lifetime> in seconds as argument."
            : `unexpected character '${bad}' in argument to <tune.ssl.lifetime>.`;
        return context.problems.alert(statement.position, message);
      }
      globalTls(global).lifetime = Math.max(1, Math.round(parsed.value / 1000));
    },
  },
  'tune.ssl.maxrecord': count(
    'tune.ssl.maxrecord',
    'accepted; records are as large as what is sent',
  ),
};
