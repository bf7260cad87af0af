import { compileExpression, type Expression } from '../samples/compile.ts';
import { type CompileEnvironment, ExpressionError, type Source } from '../samples/fetch.ts';
import {
  MATCH_METHODS,
  type MatchMethod,
  matchesWithout,
  PatternSet,
} from '../samples/patterns.ts';
import type { SampleType } from '../samples/sample.ts';
import type { Scope } from '../samples/scope.ts';

/** One test of a sample against patterns. */
export interface Criterion {
  readonly keyword: string;
  readonly source: Source;
  /** `false` where the sample is missing. */
  test(scope: Scope): boolean;
}

const DERIVATIVES = ['beg', 'dir', 'dom', 'end', 'len', 'reg', 'sub'] as const;
const DERIVED =
  /^(base|(?:req\.)?cook|(?:req\.)?hdr|s?hdr|res\.hdr|scook|res\.cook|path|url|urlp|url_param|ssl_fc_sni|req\.ssl_sni|req_ssl_sni)_(beg|dir|dom|end|len|reg|sub)(?=[(,]|$)/;

/** What a type is compared by when no `-m` says otherwise. */
const DEFAULT_METHOD: Readonly<Partial<Record<SampleType, MatchMethod>>> = {
  bool: 'bool',
  sint: 'int',
  ipv4: 'ip',
  ipv6: 'ip',
  addr: 'ip',
  str: 'str',
  meth: 'meth',
};

/** `hdr_beg(host)` is `hdr(host)` with the match `beg`. */
function splitDerivative(text: string): { text: string; method: MatchMethod | undefined } {
  const found = DERIVED.exec(text);
  if (!found) return { text, method: undefined };
  const [whole, base = '', suffix = ''] = found;
  const method = DERIVATIVES.find((each) => each === suffix);
  return { text: base + text.slice(whole.length), method };
}

interface Flags {
  method: MatchMethod | undefined;
  ignoreCase: boolean;
  files: string[];
  /** Where the patterns begin. */
  at: number;
  /** `--` was given: no patterns are meant. */
  ended: boolean;
}

/**
 * Compiles `<criterion> [flags] [operator] [<value>…]` (manual, section 7.1). `warn` is told of
 * what is allowed and useless. Throws ExpressionError.
 */
export function compileCriterion(
  words: readonly string[],
  environment: CompileEnvironment,
  warn: (message: string) => void,
): Criterion {
  const [criterion = ''] = words;
  if (criterion === '') throw new ExpressionError('missing ACL expression');
  const derived = splitDerivative(criterion);
  const expression = compileExpression(derived.text, environment);
  const flags = readFlags(words);
  const method = flags.method ?? derived.method ?? DEFAULT_METHOD[expression.out];
  if (method === undefined) {
    throw new ExpressionError(
      `matching method must be specified first (using '-m') when using a sample fetch of this type ('${expression.keyword}')`,
    );
  }
  const { keyword, source } = expression;
  const patterns = new PatternSet<true>(method, flags.ignoreCase);
  const use = { set: patterns, add: (pattern: string) => patterns.add(pattern, true) };
  const { file: from = '', line = 0 } = environment.position ?? {};
  for (const file of flags.files) {
    const lines = readFile(file, environment)
      .map((text) => text.replace(/^[ \t]+|[ \t\r]+$/g, ''))
      .filter((text) => text !== '' && !text.startsWith('#'));
    for (const text of lines) use.add(text);
    const description = `pattern loaded from file '${file}' used by acl at file '${from}' line ${line}`;
    const entries = lines.map((text) => [text] as const);
    environment.patterns?.list('acl', file, description).load(use, entries);
  }
  const dotted = flags.method === undefined && DOTTED.has(criterion);
  const rest = dotted ? words.slice(flags.at).map(undotted) : words.slice(flags.at);
  const numeric = method === 'int' || method === 'len';
  for (const pattern of numeric ? rangesOf(rest) : rest) {
    if (method === 'bool' || method === 'found') continue;
    patterns.add(pattern, true);
  }
  if (rest.length > 0 || flags.files.length === 0) {
    const description = `acl '${criterion}' file '${from}' line ${line}`;
    const entries = rest.map((text) => [text] as const);
    environment.patterns?.list('acl', '', description).load(use, entries);
  }
  if (method === 'bool' || method === 'found') {
    return { keyword, source, test: without(expression, method) };
  }
  if (patterns.size === 0 && !flags.ended) {
    warn(
      `parsing acl keyword '${criterion}' :\n  no pattern to match against were provided, so this ACL will never match.\n  If this is what you intended, please add '--' to get rid of this warning.\n  If you intended to match only for existence, please use '-m found'.`,
    );
  }
  return { keyword, source, test: anyOf(expression, patterns) };
}

const without =
  (expression: Expression, method: MatchMethod) =>
  (scope: Scope): boolean => {
    for (const sample of expression.values(scope)) if (matchesWithout(method, sample)) return true;
    return false;
  };

const anyOf =
  (expression: Expression, patterns: PatternSet<true>) =>
  (scope: Scope): boolean => {
    for (const sample of expression.values(scope)) if (patterns.find(sample)) return true;
    return false;
  };

function readFlags(words: readonly string[]): Flags {
  const flags: Flags = { method: undefined, ignoreCase: false, files: [], at: 1, ended: false };
  for (; flags.at < words.length; flags.at++) {
    const word = words[flags.at]!;
    if (word === '--') {
      flags.at += 1;
      flags.ended = true;
      break;
    }
    if (!/^-[a-zA-Z]/.test(word)) break;
    const next = words[flags.at + 1];
    if (word === '-i') {
      flags.ignoreCase = true;
    } else if (word === '-n' || word === '-M') {
      if (word === '-M') throw new ExpressionError("flag '-M' is not supported");
    } else if (word === '-f') {
      if (next === undefined) throw new ExpressionError("missing filename after '-f'");
      flags.files.push(next);
      flags.at += 1;
    } else if (word === '-u') {
      flags.at += 1;
    } else if (word === '-m') {
      const method = MATCH_METHODS.find((known) => known === next && known !== 'meth');
      if (!method) {
        throw new ExpressionError(
          `unknown matching method '${next ?? ''}' when parsing ACL expression`,
        );
      }
      // It wins over the match in a keyword's name (HAProxy).
      flags.method = method;
      flags.at += 1;
    } else {
      throw new ExpressionError(
        `'${word}' is not a valid flag : only '-i', '-m', '-n', '-u' and '-f' are supported`,
      );
    }
  }
  return flags;
}

const OPERATORS: Readonly<Record<string, (value: bigint) => string>> = {
  eq: (value) => `${value}`,
  gt: (value) => `${value + 1n}:`,
  ge: (value) => `${value}:`,
  lt: (value) => `:${value - 1n}`,
  le: (value) => `:${value}`,
};

/** Criteria whose numbers are versions, `major.minor`. */
const DOTTED: ReadonlySet<string> = new Set(['req.ssl_ver', 'req_ssl_ver']);

/** The versions in a word as the numbers that the sample is: the major part in the upper 16 bits. */
function undotted(word: string): string {
  return word.replace(/\d+(?:\.\d+)?/g, (version) => {
    const [major, minor] = version.split('.').map(Number) as [number, number?];
    return String(major * 65_536 + (minor ?? 0));
  });
}

/** Numbers and ranges; an operator holds for all numbers behind it (manual, section 7.1.2). */
function rangesOf(words: readonly string[]): string[] {
  let operator = OPERATORS.eq!;
  let plain = true;
  const ranges: string[] = [];
  for (const word of words) {
    const next = Object.hasOwn(OPERATORS, word) ? OPERATORS[word] : undefined;
    if (next) {
      operator = next;
      plain = word === 'eq';
    } else if (plain && /^-?\d*[:-]-?\d*$/.test(word) && /\d/.test(word)) {
      ranges.push(word);
    } else if (/^-?\d{1,18}$/.test(word)) {
      ranges.push(operator(BigInt(word)));
    } else {
      throw new ExpressionError(`'${word}' is neither a number nor a supported operator`);
    }
  }
  return ranges;
}

function readFile(path: string, environment: CompileEnvironment): string[] {
  try {
    return environment.readLines?.(path) ?? [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ExpressionError(`failed to open pattern file <${path}> (${why})`);
  }
}
