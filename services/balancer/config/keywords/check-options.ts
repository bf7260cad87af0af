import { ldapCheck } from '../../checks/presets/ldap.ts';
import { type MqttCheckOptions, mqttCheck } from '../../checks/presets/mqtt.ts';
import { mysqlCheck } from '../../checks/presets/mysql.ts';
import { postgresCheck } from '../../checks/presets/postgres.ts';
import { redisCheck } from '../../checks/presets/redis.ts';
import { smtpCheck } from '../../checks/presets/smtp.ts';
import { sslHelloCheck } from '../../checks/presets/ssl-hello.ts';
import type { CheckMethod } from '../../checks/steps.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, onlyArguments } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

interface CheckOption {
  usage: string;
  summary: string;
  side: 'backend';
  set(draft: ProxyDraft, statement: Statement, context: Context): void;
}

const option = (
  usage: string,
  summary: string,
  most: number,
  /** The method, or what is wrong. */
  make: (words: readonly string[]) => CheckMethod | string,
): CheckOption => ({
  usage,
  summary,
  side: 'backend',
  set: (draft, statement, context) => {
    if (!onlyArguments(statement, most, context, 2)) return;
    const words = statement.tokens.slice(2).map(({ text }) => text);
    const made = make(words);
    if (typeof made !== 'string') draft.settings.check.method = made;
    else context.problems.alert(statement.at(2), `'option ${statement.word(1)}' ${made}`);
  },
});

/** `option <kind of check>`: HAProxy 2.6 manual, section 4.2, and two of our own. */
export const CHECK_OPTIONS: Readonly<Record<string, CheckOption>> = {
  'external-check': {
    usage: '',
    summary: 'check servers with a program (see `external-check command`)',
    side: 'backend',
    set: (draft, statement, context) => {
      if (!onlyArguments(statement, 0, context, 2)) return;
      draft.settings.check.method = 'external';
      draft.settings.check.position = statement.at(1);
    },
  },
  'ldap-check': option('', 'check servers with an anonymous LDAPv3 bind', 0, ldapCheck),
  'mqtt-check': option(
    '[ version 3.1.1 | 5 ] [ client-id <id> ] [ user <name> [ password <text> ] ] [ accept-refusal ]',
    'check servers with an MQTT CONNECT and DISCONNECT (not in HAProxy)',
    9,
    mqttOption,
  ),
  'mysql-check': option(
    '[ user <username> [ { post-41 | pre-41 } ] ]',
    'check servers with a MySQL greeting or login',
    3,
    ([user, name, dialect]) => {
      if (user === undefined) return mysqlCheck();
      if (user !== 'user') return `only supports optional values: 'user' (got '${user}').`;
      if (name === undefined) return "'user' expects <username> as argument.";
      if (dialect !== undefined && dialect !== 'post-41' && dialect !== 'pre-41') {
        return `'user' only supports 'post-41' and 'pre-41' (got '${dialect}').`;
      }
      return mysqlCheck(name, dialect);
    },
  ),
  'pgsql-check': option(
    'user <username>',
    'check servers with the start of a PostgreSQL session',
    2,
    ([user, name]) => {
      if (name === undefined) return "expects 'user <username>' as argument.";
      return user === 'user' ? postgresCheck(name) : "only supports optional values: 'user'.";
    },
  ),
  'ping-check': option('', 'check servers with an ICMP echo (not in HAProxy)', 0, () => ({
    kind: 'ping',
  })),
  'redis-check': option('', 'check servers with a Redis PING', 0, redisCheck),
  smtpchk: option('[ <hello> <domain> ]', 'check servers with an SMTP greeting', 2, (words) => {
    const [hello, domain] = words;
    const own = domain !== undefined && (hello === 'EHLO' || hello === 'HELO');
    return smtpCheck(own ? `${hello} ${domain}` : 'HELO localhost');
  }),
  'ssl-hello-chk': option('', 'check servers with an SSLv3 hello', 0, sslHelloCheck),
  'tcp-check': {
    usage: '',
    summary: 'check servers with the script of the `tcp-check` lines',
    side: 'backend',
    set: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context, 2)) draft.settings.check.method = 'tcp';
    },
  },
};

function mqttOption(words: readonly string[]): CheckMethod | string {
  const options: MqttCheckOptions = {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === 'accept-refusal') {
      options.acceptRefusal = true;
      continue;
    }
    const value = words[++at];
    if (value === undefined) return `'${word}' expects an argument.`;
    if (word === 'version') {
      if (value !== '5' && value !== '3.1.1') {
        return `'version' only supports '3.1.1' and '5' (got '${value}').`;
      }
      options.version = value === '5' ? 5 : 4;
    } else if (word === 'client-id') options.clientId = value;
    else if (word === 'user') options.user = value;
    else if (word === 'password') options.password = value;
    else {
      return `only supports 'version', 'client-id', 'user', 'password' and 'accept-refusal' (got '${word}').`;
    }
  }
  if (options.password !== undefined && options.user === undefined) {
    return "'password' needs a 'user'.";
  }
  return mqttCheck(options);
}
