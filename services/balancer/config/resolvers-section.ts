import { type HoldStatus, newResolvers, type ResolversConfig } from '../resolvers/config.ts';
import { parseAddress } from './address.ts';
import { describeDurationError, parseDuration } from './duration.ts';
import {
  type Context,
  type Keyword,
  type KeywordTable,
  lookUp,
  onlyArguments,
  parseInteger,
  suggestion,
} from './keyword.ts';
import type { Statement } from './lexer.ts';
import { forbiddenCharacter } from './names.ts';
import type { OpenSection } from './sections.ts';

/** Least and most bytes of an answer (manual, `accepted_payload_size`). */
const PAYLOAD = [12, 65_535] as const;

function timeAt(statement: Statement, index: number, { problems }: Context): number | undefined {
  const text = statement.word(index);
  const parsed = parseDuration(text);
  if (parsed.error === undefined) return parsed.value;
  const what = `'${statement.word(0)}'`;
  problems.alert(statement.at(index), describeDurationError(parsed.error, text, what));
  return undefined;
}

/** Keywords of a `resolvers` section: HAProxy 2.6 manual, section 5.3.2. */
export const RESOLVERS_KEYWORDS: KeywordTable<Keyword<ResolversConfig>> = {
  nameserver: {
    usage: '<name> <address>:<port>',
    summary: 'a server to ask',
    parse: ({ nameservers }, statement, context) => {
      const [name, written] = [statement.word(1), statement.word(2)];
      const fail = (index: number, message: string): void =>
        context.problems.alert(statement.at(index), message);
      if (name === '' || written === '') {
        fail(1, "'nameserver' expects <name> and <addr>[:<port>] as arguments.");
        return;
      }
      if (nameservers.some((known) => known.name === name)) {
        fail(1, `name server '${name}' was already defined.`);
        return;
      }
      const parsed = parseAddress(written.replace(/^udp[46]?@/, ''), context.environment);
      if (parsed.error !== undefined) {
        fail(2, `'nameserver' : ${parsed.error}`);
        return;
      }
      const { host, ports } = parsed.address;
      if (!ports) {
        fail(2, `'nameserver ${name}' : missing port specification in '${written}'`);
        return;
      }
      const port = ports.first;
      nameservers.push({
        name,
        address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      });
    },
  },
  'parse-resolv-conf': {
    usage: '',
    summary: "the system's servers, as they are where no nameserver is named",
    parse: (_resolvers, statement, context) => {
      onlyArguments(statement, 0, context);
    },
  },
  hold: {
    usage: '{ nx | other | refused | timeout | valid | obsolete } <time>',
    summary: 'how long what was known holds (valid: between two looks, default 10s; else 30s)',
    parse: ({ hold }, statement, context) => {
      const status = statement.word(1);
      if (!Object.hasOwn(hold, status)) {
        const known = Object.keys(hold);
        const message = `'hold' unknown status '${status}', expects ${known.map((each) => `'${each}'`).join(', ')}${suggestion(status, known)}.`;
        context.problems.alert(statement.at(1), message);
        return;
      }
      const value = timeAt(statement, 2, context);
      if (value !== undefined) hold[status as HoldStatus] = value;
    },
  },
  timeout: {
    usage: '{ resolve | retry } <time>',
    summary: 'between two looks at a name that is not known, and for one answer (default 1s)',
    parse: (resolvers, statement, context) => {
      const name = statement.word(1);
      if (name !== 'resolve' && name !== 'retry') {
        const message = `'timeout' expects 'retry' or 'resolve' and <time> as arguments got '${name}'.`;
        context.problems.alert(statement.at(1), message);
        return;
      }
      const value = timeAt(statement, 2, context);
      if (value !== undefined) resolvers[name] = Math.max(value, 1);
    },
  },
  resolve_retries: {
    usage: '<number>',
    summary: 'how often a server is asked (default 3)',
    parse: (resolvers, statement, context) => {
      const value = parseInteger(statement.word(1));
      if (value !== undefined && value > 0) resolvers.retries = value;
      else context.problems.alert(statement.at(1), "'resolve_retries' expects <nb> as argument.");
    },
  },
  accepted_payload_size: {
    usage: '<bytes>',
    summary: 'accepted: long answers come over TCP',
    parse: (_resolvers, statement, { problems }) => {
      const value = parseInteger(statement.word(1)) ?? -1;
      const [least, most] = PAYLOAD;
      if (value >= least && value <= most) return;
      const message = `'accepted_payload_size' must be between ${least} and ${most} inclusive (was ${statement.word(1)}).`;
      problems.alert(statement.at(1), message);
    },
  },
};

/** `resolvers <name>`. */
export function openResolvers(statement: Statement, { problems, shared }: Context): OpenSection {
  const name = statement.word(1);
  const bad = forbiddenCharacter(name);
  let fault: string | undefined;
  if (name === '') fault = 'missing name for resolvers section.';
  else if (bad !== undefined) {
    fault = `character '${bad}' is not permitted in 'resolvers' name '${name}'.`;
  } else if (shared.resolvers.has(name)) {
    fault = `resolvers '${name}' has same name as another resolvers (declared before).`;
  }
  if (fault !== undefined) {
    problems.alert(statement.at(1), fault);
    return { kind: 'skipped' };
  }
  const resolvers = newResolvers(name);
  shared.resolvers.set(name, resolvers);
  return { kind: 'resolvers', resolvers };
}

export function parseResolversLine(
  resolvers: ResolversConfig,
  statement: Statement,
  context: Context,
): void {
  const word = statement.word(0);
  const row = lookUp(RESOLVERS_KEYWORDS, word);
  if (row) {
    row.parse(resolvers, statement, context);
    return;
  }
  const hint = suggestion(word, Object.keys(RESOLVERS_KEYWORDS));
  context.problems.alert(
    statement.position,
    `unknown keyword '${word}' in 'resolvers' section${hint}`,
  );
}
