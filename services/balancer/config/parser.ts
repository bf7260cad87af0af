import { parseCacheLine } from './cache-section.ts';
import { Directives } from './directives/blocks.ts';
import { type ConfigDraft, newGlobal } from './draft.ts';
import { FOREIGN_GLOBAL, FOREIGN_PROXY } from './foreign.ts';
import { type Context, lookUp, suggestion } from './keyword.ts';
import { GLOBAL_KEYWORDS } from './keywords/global.ts';
import { parseOption } from './keywords/options.ts';
import { isPlaced, PROXY_KEYWORDS } from './keywords/proxy.ts';
import { lexLine, Statement, type Token } from './lexer.ts';
import { parseResolversLine } from './resolvers-section.ts';
import { parseHttpErrorsLine, parseUserlistLine } from './rule-sections.ts';
import { type OpenSection, opensSection, SECTIONS, Sections } from './sections.ts';

/** One file's text, under the name that messages carry. */
export interface Source {
  name: string;
  text: string;
}

/** Longest line, in characters, so that no input grows a word without end. */
const MAX_LINE = 65_536;

/**
 * Reads sources in their order as if they were one. Whatever is wrong goes to the context's
 * problems; the draft then holds what could be understood.
 */
export function parseSources(sources: readonly Source[], context: Context): ConfigDraft {
  const draft: ConfigDraft = { global: newGlobal(), proxies: [] };
  const sections = new Sections(draft, context);
  for (const source of sources) {
    parseSource(source, draft, sections, context);
    if (context.problems.full) break;
  }
  return draft;
}

function parseSource(
  source: Source,
  draft: ConfigDraft,
  sections: Sections,
  context: Context,
): void {
  const { problems, environment } = context;
  const lines = source.text.split('\n');
  // What follows the last line feed is a line only if there is something: an incomplete one.
  const unfinished = lines.pop() ?? '';
  if (unfinished !== '') lines.push(unfinished);
  // A section does not go on in the next file.
  let open: OpenSection | undefined;
  const directives = new Directives(context);
  for (const [index, text] of lines.entries()) {
    const at = (column: number) => ({ file: source.name, line: index + 1, column });
    if (text.length > MAX_LINE) {
      problems.alert(at(0), `line too long, the limit is ${MAX_LINE} characters`);
      continue;
    }
    const lexed = lexLine(text, environment);
    if (lexed.error) {
      if (directives.skipping) continue;
      const { message, column } = lexed.error;
      problems.alert(at(column), `${message}:`, pointAt(text, column));
    } else if ((lexed.tokens[0]?.text ?? '') !== '') {
      const statement = new Statement(source.name, index + 1, lexed.tokens);
      const fate = directives.line(statement);
      if (fate === 'stop') break;
      if (fate === 'read') open = parseLine(statement, open);
    }
    if (problems.full) return;
  }
  directives.end(source.name, lines.length);
  if (unfinished !== '') {
    const message = 'Missing LF on last line, file might have been truncated.';
    problems.alert(
      { file: source.name, line: lines.length, column: unfinished.length + 1 },
      message,
    );
  }

  function parseLine(statement: Statement, before: OpenSection | undefined) {
    const word = statement.word(0);
    if (opensSection(word)) {
      return sections.open(statement);
    } else if (!before) {
      const message = `unknown keyword '${word}' out of section${suggestion(word, SECTIONS)}`;
      problems.alert(statement.position, message);
    } else if (before.kind === 'global') {
      parseGlobalLine(statement, draft, context);
    } else if (before.kind === 'proxy') {
      parseProxyLine(statement, before, context);
    } else if (before.kind === 'userlist') {
      parseUserlistLine(before.list, statement, context);
    } else if (before.kind === 'http-errors') {
      parseHttpErrorsLine(before.files, statement, context);
    } else if (before.kind === 'cache') {
      parseCacheLine(before.draft, statement, context);
    } else if (before.kind === 'resolvers') {
      parseResolversLine(before.resolvers, statement, context);
    }
    return before;
  }
}

/** The line, shortened around `column`, and a mark below it. */
function pointAt(text: string, column: number): string[] {
  const from = Math.max(0, column - 40);
  const shown = text.slice(from, from + 80).replace(/\p{Cc}/gu, ' ');
  return [shown, `${' '.repeat(column - 1 - from)}^`];
}

type Sign = 'no' | 'default';

/** Splits `no …` and `default …` off a line. */
function splitSign(statement: Statement): { sign: Sign | undefined; rest: Statement } {
  const word = statement.word(0);
  if (word !== 'no' && word !== 'default') return { sign: undefined, rest: statement };
  const tokens: readonly Token[] = statement.tokens.slice(1);
  return { sign: word, rest: new Statement(statement.file, statement.line, tokens) };
}

/** Switches of HAProxy's machinery that `no` may stand before. */
const FLAGS: ReadonlySet<string> = new Set(['busy-polling', 'numa-cpu-mapping', 'strict-limits']);

const NEGATABLE = "negation/default currently supported only for options and log ('no log').";

function parseGlobalLine(statement: Statement, { global }: ConfigDraft, context: Context): void {
  const { problems } = context;
  const { sign, rest } = splitSign(statement);
  const word = rest.word(0);
  if (sign !== undefined) {
    if (sign === 'no' && word === 'log' && rest.length === 1) {
      global.log = [];
    } else if (sign === 'no' && FLAGS.has(word)) {
      // What they switch is not theirs to switch here.
    } else {
      problems.alert(statement.position, NEGATABLE);
    }
    return;
  }
  const row = lookUp(GLOBAL_KEYWORDS, word);
  if (row) {
    row.parse(global, rest, context);
    return;
  }
  problems.alert(
    statement.position,
    FOREIGN_GLOBAL.includes(word)
      ? unsupported(word, 'global')
      : unknown(word, 'global', Object.keys(GLOBAL_KEYWORDS)),
  );
}

function parseProxyLine(
  statement: Statement,
  { draft }: Extract<OpenSection, { kind: 'proxy' }>,
  context: Context,
): void {
  const { problems } = context;
  const { sign, rest } = splitSign(statement);
  const word = rest.word(0);
  if (sign !== undefined) {
    if (word === 'option') {
      parseOption(draft, rest, context, sign);
    } else if (sign === 'no' && word === 'log' && rest.length === 1) {
      draft.settings.log = [];
    } else if (sign === 'no' && word === 'log') {
      problems.alert(rest.at(1), "log : 'no log' does not expect arguments");
    } else {
      problems.alert(statement.position, NEGATABLE);
    }
    return;
  }
  const row = lookUp(PROXY_KEYWORDS, word);
  if (!row) {
    const message = FOREIGN_PROXY.includes(word)
      ? unsupported(word, draft.section)
      : unknown(word, draft.section, keywordsOf(draft.section));
    problems.alert(statement.position, message);
    return;
  }
  if (isPlaced(word, row, draft, rest, context)) row.parse(draft, rest, context);
}

function keywordsOf(section: string): string[] {
  return Object.entries(PROXY_KEYWORDS).flatMap(([name, row]) =>
    row.sections.some((known) => known === section) ? [name] : [],
  );
}

const unknown = (word: string, section: string, known: Iterable<string>): string =>
  `unknown keyword '${word}' in '${section}' section${suggestion(word, known)}`;

const unsupported = (word: string, section: string): string =>
  `unsupported keyword '${word}' in '${section}' section: HAProxy has it, this balancer does not`;
