import { isNetwork } from '#core/networks.ts';
import { hasBackend, hasFrontend, type ProxyDraft } from '../draft.ts';
import { FOREIGN_OPTIONS } from '../foreign.ts';
import { CLF_LOG, HTTPS_LOG } from '../https-log.ts';
import {
  type Context,
  integerArgument,
  type KeywordInfo,
  type KeywordTable,
  lookUp,
  MAX_COUNT,
  onlyArguments,
  suggestion,
} from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { CHECK_OPTIONS } from './check-options.ts';
import { setHttpCheck } from './http-check.ts';
import { MORE_OPTIONS } from './more-options.ts';

export interface OptionKeyword extends KeywordInfo {
  /** Where it has an effect; elsewhere it is ignored with a warning. */
  side: 'frontend' | 'backend' | 'both';
  set(draft: ProxyDraft, statement: Statement, context: Context): void;
  /** What `no option` and `default option` do; without it they are an error. */
  unset?(draft: ProxyDraft): void;
}

type RuleFlag = 'bufferRequest' | 'forwarded';

const ruleFlag = (key: RuleFlag, summary: string): OptionKeyword => ({
  usage: '',
  summary,
  side: 'both',
  set: (draft, statement, context) => {
    if (onlyArguments(statement, 0, context, 2)) draft.settings.rules[key] = true;
  },
  unset: (draft) => {
    draft.settings.rules[key] = false;
  },
});

/** Gone from HAProxy; says so as it does. */
const gone = (since: string, hint: string): OptionKeyword => ({
  usage: '',
  summary: `gone since HAProxy ${since}`,
  side: 'both',
  set: (_draft, statement, { problems }) =>
    problems.alert(
      statement.position,
      `option '${statement.word(1)}' is not supported any more since HAProxy ${since}, please just remove it, ${hint}.`,
    ),
});

type Flag =
  | 'pretendKeepAlive'
  | 'abortOnClose'
  | 'ignoreProbes'
  | 'clitcpka'
  | 'srvtcpka'
  | 'dontlognull'
  | 'logHealthChecks';

const flag = (key: Flag, side: OptionKeyword['side'], summary: string): OptionKeyword => ({
  usage: '',
  summary,
  side,
  set: (draft, statement, context) => {
    if (onlyArguments(statement, 0, context, 2)) draft.settings.options[key] = true;
  },
  unset: (draft) => {
    draft.settings.options[key] = false;
  },
});

const connection = (
  mode: 'keep-alive' | 'server-close' | 'close',
  summary: string,
): OptionKeyword => ({
  usage: '',
  summary,
  side: 'both',
  set: (draft, statement, context) => {
    if (onlyArguments(statement, 0, context, 2)) draft.settings.options.httpConnection = mode;
  },
  unset: (draft) => {
    const { options } = draft.settings;
    if (options.httpConnection === mode) options.httpConnection = 'keep-alive';
  },
});

/** `option <name>`: HAProxy 2.6 manual, section 4.2. */
export const OPTIONS: KeywordTable<OptionKeyword> = {
  ...CHECK_OPTIONS,
  ...MORE_OPTIONS,
  allbackups: {
    usage: '',
    summary: 'balance over all backup servers instead of using the first',
    side: 'backend',
    set: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context, 2)) draft.settings.allBackups = true;
    },
    unset: (draft) => {
      draft.settings.allBackups = false;
    },
  },
  transparent: {
    usage: '',
    summary: 'to where the client has asked for, unless a `balance` line asks for servers',
    side: 'backend',
    set: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context, 2)) draft.settings.transparent = true;
    },
    unset: (draft) => {
      draft.settings.transparent = false;
    },
  },
  clitcpka: flag('clitcpka', 'frontend', 'TCP keepalive packets towards clients'),
  srvtcpka: flag('srvtcpka', 'backend', 'TCP keepalive packets towards servers'),
  tcpka: {
    usage: '',
    summary: 'TCP keepalive packets on both sides',
    side: 'both',
    set: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context, 2)) setKeepalive(draft, true);
    },
  },
  dontlognull: flag('dontlognull', 'frontend', 'no log line for connections without a byte'),
  'log-health-checks': flag('logHealthChecks', 'backend', 'log the result of checks that change'),
  'http-buffer-request': ruleFlag('bufferRequest', "wait for a request's body before choosing"),
  forwarded: ruleFlag('forwarded', 'tell servers of client and protocol in `forwarded` (RFC 7239)'),
  originalto: {
    usage: '[ except <network> ] [ header <name> ]',
    summary: 'tell servers in a header where the client connected to',
    side: 'both',
    set: setOriginalTo,
    unset: (draft) => {
      draft.settings.rules.originalTo = undefined;
    },
  },
  httpslog: {
    usage: '',
    summary: 'log lines with everything known about a request and its TLS',
    side: 'frontend',
    set: (draft, statement, context) => {
      if (!onlyArguments(statement, 0, context, 2)) return;
      setFormat(draft, statement, HTTPS_LOG);
    },
  },
  httplog: {
    usage: '[ clf ]',
    summary: 'log lines with everything known about a request',
    side: 'frontend',
    set: (draft, statement, context) => {
      if (statement.word(2) === 'clf') {
        if (onlyArguments(statement, 1, context, 2)) setFormat(draft, statement, CLF_LOG);
        return;
      }
      if (onlyArguments(statement, 0, context, 2)) setLogFormat(draft, statement, 'httplog');
    },
  },
  tcplog: {
    usage: '',
    summary: 'log lines with times, bytes and state of a connection',
    side: 'frontend',
    set: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context, 2)) setLogFormat(draft, statement, 'tcplog');
    },
  },
  'http-keep-alive': connection('keep-alive', 'keep both connections open after a response'),
  'http-server-close': connection('server-close', 'close the server side after each response'),
  httpclose: connection('close', 'close both sides after each response'),
  'http-pretend-keepalive': flag(
    'pretendKeepAlive',
    'backend',
    'do not tell servers that the connection ends behind the response',
  ),
  abortonclose: flag('abortOnClose', 'backend', 'give up requests whose clients have closed'),
  'http-ignore-probes': flag('ignoreProbes', 'frontend', 'no answer to connections without a byte'),
  'http-no-delay': {
    usage: '',
    summary: 'send at once what there is, as is always done here',
    side: 'both',
    set: (_draft, statement, context) => {
      onlyArguments(statement, 0, context, 2);
    },
    unset: () => {},
  },
  forceclose: gone('2.0', "or use 'option httpclose' if absolutely needed"),
  'http-tunnel': gone('2.1', "it shouldn't be needed"),
  httpchk: {
    usage: '[ [<method>] <uri> [<version>] ]',
    summary: 'check servers with an HTTP request',
    side: 'backend',
    set: setHttpCheck,
  },
  forwardfor: {
    usage: '[ except <network> ] [ header <name> ] [ if-none ]',
    summary: 'tell servers the address of the client in a header',
    side: 'both',
    set: setForwardFor,
  },
  persist: {
    usage: '',
    summary: 'send clients to the server of their cookie even while it is down',
    side: 'backend',
    set: (draft, statement, context) => {
      if (onlyArguments(statement, 0, context, 2)) draft.settings.persist = true;
    },
    unset: (draft) => {
      draft.settings.persist = false;
    },
  },
  redispatch: {
    usage: '[ <interval> ]',
    summary: 'let a retry go to another server',
    side: 'backend',
    set: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context, 2)) return;
      if (statement.length === 2) {
        draft.settings.redispatch = -1;
        return;
      }
      const range = { min: -MAX_COUNT, max: MAX_COUNT, keyword: 'option redispatch' };
      const interval = integerArgument(statement, 2, range, context);
      if (interval !== undefined) draft.settings.redispatch = interval || undefined;
    },
    unset: (draft) => {
      draft.settings.redispatch = undefined;
    },
  },
};

function setKeepalive(draft: ProxyDraft, on: boolean): void {
  if (hasFrontend(draft.section)) draft.settings.options.clitcpka = on;
  if (hasBackend(draft.section)) draft.settings.options.srvtcpka = on;
}

function setFormat(draft: ProxyDraft, statement: Statement, text: string): void {
  draft.settings.options.logFormat = undefined;
  draft.settings.rules.logFormat = { text, position: statement.position };
  draft.settings.logFormatPosition = statement.position;
}

function setLogFormat(draft: ProxyDraft, statement: Statement, format: 'httplog' | 'tcplog'): void {
  draft.settings.options.logFormat = format;
  draft.settings.rules.logFormat = undefined;
  draft.settings.logFormatPosition = statement.position;
}

function setForwardFor(draft: ProxyDraft, statement: Statement, context: Context): void {
  const forwardFor = {
    header: 'X-Forwarded-For',
    except: undefined as string | undefined,
    ifNone: false,
  };
  for (let index = 2; index < statement.length; index++) {
    const word = statement.word(index);
    const value = statement.word(index + 1);
    if (word === 'if-none') {
      forwardFor.ifNone = true;
    } else if (word === 'except') {
      if (!isNetwork(value)) {
        const message = "'option forwardfor except' expects <address>[/mask] as argument.";
        context.problems.alert(statement.at(index + 1), message);
        return;
      }
      forwardFor.except = value;
      index++;
    } else if (word === 'header') {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)) {
        const message = "'option forwardfor header' expects <header_name> as argument.";
        context.problems.alert(statement.at(index + 1), message);
        return;
      }
      forwardFor.header = value;
      index++;
    } else {
      const message =
        "'option forwardfor' only supports optional values: 'except', 'header' and 'if-none'.";
      context.problems.alert(statement.at(index), message);
      return;
    }
  }
  draft.settings.options.forwardFor = forwardFor;
}

function setOriginalTo(draft: ProxyDraft, statement: Statement, { problems }: Context): void {
  const originalTo = { header: 'x-original-to', except: undefined as string | undefined };
  for (let index = 2; index < statement.length; index += 2) {
    const [word, value] = [statement.word(index), statement.word(index + 1)];
    if (word === 'header' && value !== '') originalTo.header = value.toLowerCase();
    else if (word === 'except' && isNetwork(value)) originalTo.except = value;
    else {
      const message = "'option originalto' only supports optional values: 'except' and 'header'.";
      problems.alert(statement.at(index), message);
      return;
    }
  }
  draft.settings.rules.originalTo = originalTo;
}

/** `option …` (sign undefined), `no option …` and `default option …`. */
export function parseOption(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
  sign: 'no' | 'default' | undefined,
): void {
  const { problems } = context;
  const name = statement.word(1);
  if (name === '') {
    problems.alert(statement.position, "'option' expects an option name.");
    return;
  }
  const row = lookUp(OPTIONS, name);
  if (!row) {
    const message = FOREIGN_OPTIONS.includes(name)
      ? `unsupported option '${name}': HAProxy has it, this balancer does not.`
      : `unknown option '${name}'${suggestion(name, Object.keys(OPTIONS))}`;
    problems.alert(statement.at(1), message);
    return;
  }
  const { section } = draft;
  if (row.side === 'frontend' && !hasFrontend(section)) warnIgnored('frontend');
  if (row.side === 'backend' && !hasBackend(section)) warnIgnored('backend');
  if (sign !== undefined) {
    if (row.unset) {
      row.unset(draft);
      return;
    }
    const message = `negation/default is not supported for option '${name}'.`;
    problems.alert(statement.at(1), message);
    return;
  }
  row.set(draft, statement, context);

  function warnIgnored(missing: string): void {
    const message = `'${name}' ignored because ${section} '${draft.name}' has no ${missing} capability.`;
    problems.warn(statement.at(1), message);
  }
}
