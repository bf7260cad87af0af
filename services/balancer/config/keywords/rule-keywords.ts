import type { ProxySection } from '../draft.ts';
import type { KeywordTable } from '../keyword.ts';
import { parseCapture } from './captures.ts';
import { parseErrorFiles, parseErrorLocation } from './error-file.ts';
import { parseFormat, parseMonitorUri, parseUniqueIdHeader } from './formats.ts';
import { HTTP_ERROR_USAGE, parseHttpError } from './http-error.ts';
import type { ProxyKeyword } from './proxy.ts';
import {
  parseAcl,
  parseHttpRule,
  parseMonitor,
  parseRedirectLine,
  parseTcpResponse,
  parseTcpRule,
  parseUse,
} from './rules.ts';
import { parseStick, parseStickTable, STICK_TABLE_USAGE, STICK_USAGE } from './stick.ts';

const EVERYWHERE: readonly ProxySection[] = ['defaults', 'frontend', 'listen', 'backend'];
const PROXIES: readonly ProxySection[] = ['frontend', 'listen', 'backend'];
const CLIENT_SIDE: readonly ProxySection[] = ['defaults', 'frontend', 'listen'];

const row = (
  usage: string,
  summary: string,
  sections: readonly ProxySection[],
  misplaced: ProxyKeyword['misplaced'],
  parse: ProxyKeyword['parse'],
): ProxyKeyword => ({ usage, summary, sections, misplaced, parse });

const CONDITION = '[ { if | unless } <condition> ]';

/** Keywords that look at traffic: HAProxy 2.6 manual, section 4.2. */
export const RULE_KEYWORDS: KeywordTable<ProxyKeyword> = {
  acl: row(
    '<name> <criterion> [flags] [operator] <value> ...',
    'a condition by name',
    EVERYWHERE,
    'alert',
    parseAcl,
  ),
  block: row('', 'gone since HAProxy 2.1', EVERYWHERE, 'alert', (_draft, statement, { problems }) =>
    problems.alert(
      statement.position,
      "The 'block' directive is not supported anymore since HAProxy 2.1. Use 'http-request deny' which uses the exact same syntax.",
    ),
  ),
  capture: row(
    'request header <name> len <length> | response header <name> len <length> | cookie <name> len <length>',
    'values that log lines show',
    ['frontend', 'listen'],
    'warning',
    parseCapture,
  ),
  'error-log-format': row(
    '<string>',
    'log lines of connections that come to nothing before they are sessions',
    CLIENT_SIDE,
    'warning',
    parseFormat('error-log-format', 'errorLogFormat'),
  ),
  errorfiles: row(
    '<name> [<code>]*',
    'error pages of an `http-errors` section',
    EVERYWHERE,
    'alert',
    parseErrorFiles,
  ),
  errorloc: row(
    '<code> <url>',
    'sends the client elsewhere instead of an error page (302)',
    EVERYWHERE,
    'alert',
    parseErrorLocation(302),
  ),
  errorloc302: row('<code> <url>', 'the same', EVERYWHERE, 'alert', parseErrorLocation(302)),
  errorloc303: row(
    '<code> <url>',
    'the same, with GET (303)',
    EVERYWHERE,
    'alert',
    parseErrorLocation(303),
  ),
  'http-error': row(
    HTTP_ERROR_USAGE,
    'an answer of one’s own in place of an error page',
    EVERYWHERE,
    'alert',
    parseHttpError,
  ),
  'http-request': row(
    `<action> [param*] ${CONDITION}`,
    'rules on requests',
    EVERYWHERE,
    'alert',
    parseHttpRule('http-request'),
  ),
  'http-response': row(
    `<action> [param*] ${CONDITION}`,
    'rules on responses of servers',
    EVERYWHERE,
    'alert',
    parseHttpRule('http-response'),
  ),
  'http-after-response': row(
    `<action> [param*] ${CONDITION}`,
    'rules on all responses, ours too',
    EVERYWHERE,
    'alert',
    parseHttpRule('http-after-response'),
  ),
  'log-format': row(
    '<string>',
    'log lines of one’s own',
    CLIENT_SIDE,
    'warning',
    parseFormat('log-format', 'logFormat'),
  ),
  'log-format-sd': row(
    '<string>',
    'structured data of log lines in format rfc5424',
    CLIENT_SIDE,
    'warning',
    parseFormat('log-format-sd', 'logFormatSd'),
  ),
  monitor: row(
    'fail { if | unless } <condition>',
    'when `monitor-uri` answers 503',
    ['frontend', 'listen'],
    'warning',
    parseMonitor,
  ),
  'monitor-uri': row(
    '<uri>',
    'a target that is answered with 200 and not logged',
    CLIENT_SIDE,
    'warning',
    parseMonitorUri,
  ),
  redirect: row(
    `{ location | prefix | scheme } <target> [ code <code> ] [ <option> ]* ${CONDITION}`,
    'sends the client elsewhere, behind all request rules',
    PROXIES,
    'alert',
    parseRedirectLine,
  ),
  stick: row(STICK_USAGE, 'keep a key at its server', ['listen', 'backend'], 'warning', parseStick),
  'stick-table': row(
    STICK_TABLE_USAGE,
    'what is remembered of keys',
    PROXIES,
    'alert',
    parseStickTable,
  ),
  'tcp-request': row(
    `inspect-delay <time> | { connection | session | content } <action> ${CONDITION}`,
    'rules on connections and on what they bring',
    EVERYWHERE,
    'alert',
    parseTcpRule,
  ),
  'tcp-response': row(
    `inspect-delay <time> | content <action> ${CONDITION}`,
    'rules on what servers send',
    EVERYWHERE,
    'alert',
    parseTcpResponse,
  ),
  'unique-id-format': row(
    '<string>',
    'what the unique id of a request is made from',
    CLIENT_SIDE,
    'warning',
    parseFormat('unique-id-format', 'uniqueIdFormat'),
  ),
  'unique-id-header': row(
    '<name>',
    'field that tells servers the unique id',
    CLIENT_SIDE,
    'warning',
    parseUniqueIdHeader,
  ),
  'use-server': row(
    `<server> ${CONDITION}`,
    'a server for some requests',
    ['listen', 'backend'],
    'alert',
    parseUse('use-server'),
  ),
  use_backend: row(
    `<backend> ${CONDITION}`,
    'a backend for some requests',
    ['frontend', 'listen'],
    'warning',
    parseUse('use_backend'),
  ),
};
