import {
  type CheckFault,
  type CheckOk,
  type CheckTimeout,
  type ExpectStep,
  expectStep,
  type Match,
  parseHexBytes,
  type TextMatch,
} from '../../checks/steps.ts';
import { MAX_COUNT } from '../keyword.ts';
import { compileFetch } from './check-text.ts';
import { type StepArguments, wire } from './step-arguments.ts';

const OK: readonly CheckOk[] = ['L7OK', 'L7OKC', 'L6OK', 'L4OK'];
const FAULTS: readonly CheckFault[] = ['L7RSP', 'L7STS', 'L7OKC', 'L6RSP', 'L4CON'];
const TIMEOUTS: readonly CheckTimeout[] = ['L7TOUT', 'L6TOUT', 'L4TOUT'];

const TCP_PATTERNS = ['string', 'rstring', 'binary', 'rbinary', 'string-lf', 'binary-lf'];
const HTTP_PATTERNS = ['string', 'rstring', 'string-lf', 'status', 'rstatus', 'hdr', 'fhdr'];
const KNOWN = {
  tcp: "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]rbinary', '[!]string-lf', '[!]binary-lf' or comment",
  http: "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment",
};

/** `expect [option*] [!] <match> <pattern>`: manual, `tcp-check expect` and `http-check expect`. */
export function parseExpect(words: StepArguments, protocol: 'tcp' | 'http'): ExpectStep {
  if (words.done) words.fail('expects at least a matching pattern as arguments.');
  const patterns = protocol === 'tcp' ? TCP_PATTERNS : HTTP_PATTERNS;
  const options: Partial<ExpectStep> = {};
  let match: Match | undefined;
  let negated = false;
  for (; !words.done; words.at += 1) {
    const bangs = /^!*/.exec(words.word)![0].length;
    let word = words.word.slice(bangs);
    if (bangs % 2 === 1) negated = !negated;
    if (bangs > 0 && word === '') {
      words.at += 1;
      word = words.word;
    }
    if (patterns.includes(word)) {
      if (match) words.fail('only one pattern expected.');
      match = parseMatch(word, words, protocol);
    } else if (bangs > 0 && word !== '') {
      words.fail(`[!] not supported with '${word}'.`);
    } else if (!parseOption(word, words, options)) {
      words.fail(`${KNOWN[protocol]} but got '${word}' as argument.`);
    }
  }
  if (!match) words.fail('pattern not found.');
  return expectStep(match, { ...options, negated });
}

function parseOption(word: string, words: StepArguments, options: Partial<ExpectStep>): boolean {
  switch (word) {
    case 'comment':
      options.comment = words.value();
      return true;
    case 'min-recv': {
      const value = Number(words.value('an integer as argument.'));
      if (!(value >= -1 && value <= MAX_COUNT)) {
        words.fail("'min-recv' expects -1 or an integer from 0 to INT_MAX.");
      }
      options.minReceived = value < 0 ? undefined : value;
      return true;
    }
    case 'on-success':
      options.onSuccess = words.text();
      return true;
    case 'on-error':
      options.onError = words.text();
      return true;
    case 'ok-status':
      options.ok = oneOf(OK, words);
      return true;
    case 'error-status':
      options.fault = oneOf(FAULTS, words);
      return true;
    case 'tout-status':
      options.timeout = oneOf(TIMEOUTS, words);
      return true;
    case 'status-code': {
      const made = compileFetch(words.value('an expression as argument.'));
      if (typeof made !== 'function') {
        return words.fail(`error detected while parsing status-code expression : ${made.error}.`);
      }
      options.code = (scope) => {
        const code = Number.parseInt(made(scope), 10);
        return Number.isNaN(code) ? undefined : code;
      };
      return true;
    }
    default:
      return false;
  }
}

function oneOf<T extends string>(known: readonly T[], words: StepArguments): T {
  const name = words.word;
  const given = words.value();
  const found = known.find((one) => one === given.toUpperCase());
  const list = known.map((one) => `'${one}'`).join(', ');
  return found ?? words.fail(`'${name}' only supports ${list} status (got '${given}').`);
}

function parseMatch(word: string, words: StepArguments, protocol: 'tcp' | 'http'): Match {
  if (word === 'hdr' || word === 'fhdr') return parseHeader(word === 'fhdr', words);
  if (words.ahead(1) === '') words.fail(`'${word}' expects a <pattern> as argument.`);
  words.at += 1;
  const pattern = words.word;
  const http = protocol === 'http';
  switch (word) {
    case 'status':
      return { kind: 'status', ranges: parseRanges(pattern, words) };
    case 'rstatus':
      return { kind: 'rstatus', pattern: words.pattern(pattern) };
    case 'string':
      return http
        ? { kind: 'body', text: wire(pattern) }
        : { kind: 'string', data: Buffer.from(pattern), shown: wire(pattern) };
    case 'rstring': {
      const compiled = words.pattern(pattern);
      return http
        ? { kind: 'body-pattern', pattern: compiled }
        : { kind: 'rstring', pattern: compiled };
    }
    case 'string-lf':
      return { kind: http ? 'body-lf' : 'string-lf', text: words.compile(pattern) };
    case 'binary-lf':
      return { kind: 'binary-lf', text: words.compile(pattern) };
    case 'rbinary':
      return { kind: 'rbinary', pattern: words.pattern(pattern) };
    default: {
      const data = parseHexBytes(pattern);
      if (!data) return words.fail(`invalid binary string ('${pattern}').`);
      return { kind: 'binary', data, shown: pattern };
    }
  }
}

function parseRanges(list: string, words: StepArguments): (readonly [number, number])[] {
  const bad = /[^\d,-]/.exec(list)?.[0];
  if (bad !== undefined) words.fail(`invalid character '${bad}' in the list of status codes.`);
  return list.split(',').map((range) => {
    const found = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range);
    const first = Number(found?.[1]);
    const last = Number(found?.[2] ?? found?.[1]);
    if (!found || last < first) words.fail(`invalid range of status codes '${range}'.`);
    return [first, last] as const;
  });
}

/** `name|name-lf [-m <how>] <name> [value|value-lf [-m <how>] <value>]`. */
function parseHeader(full: boolean, words: StepArguments): Match {
  const keyword = words.word;
  if (!/^name(-lf)?$/.test(words.ahead(1)) || words.ahead(2) === '') {
    words.fail(`'${keyword}' expects at the name keyword as first argument followed by a pattern.`);
  }
  const name = parseText(keyword, words, 'i');
  if (!/^value(-lf)?$/.test(words.ahead(1))) {
    return { kind: 'header', full, name, value: undefined };
  }
  if (words.ahead(2) === '') words.fail(`'${keyword}' expect a pattern with the value keyword.`);
  return { kind: 'header', full, name, value: parseText(keyword, words, '') };
}

/** What follows the word ahead, which says whether it is a log-format. */
function parseText(keyword: string, words: StepArguments, flags: string): TextMatch {
  const format = words.ahead(1).endsWith('-lf');
  words.at += 2;
  let how = 'str';
  if (words.word === '-m') {
    how = words.ahead(1);
    if (!['str', 'beg', 'end', 'sub', 'reg'].includes(how)) {
      words.fail(
        `'${keyword}' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '${how}').`,
      );
    }
    if (format && how === 'reg') {
      words.fail(`'${keyword}': log-format string is not supported with a regex matching method.`);
    }
    words.at += 2;
    if (words.done) words.fail(`'${keyword}' expects a pattern after '-m ${how}'.`);
  }
  if (how === 'reg') return { how, pattern: words.pattern(words.word, flags) };
  return { how: how as 'str', text: format ? words.compile(words.word) : wire(words.word) };
}
