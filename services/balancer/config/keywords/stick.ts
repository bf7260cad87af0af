import { conditionOf } from '../../rules/context.ts';
import { isKnownAt } from '../../rules/place.ts';
import { Words } from '../../rules/words.ts';
import { isCastable } from '../../samples/cast.ts';
import { compileExpression } from '../../samples/compile.ts';
import { ExpressionError } from '../../samples/fetch.ts';
import { type KeyType, SAMPLE_OF, type StoredData } from '../../stickiness/table/config.ts';
import { DATA_TYPES, isDataName } from '../../stickiness/table/data-types.ts';
import type { ProxyDraft } from '../draft.ts';
import { parseDuration } from '../duration.ts';
import type { Context } from '../keyword.ts';
import type { Statement } from '../lexer.ts';
import { ruleContext } from '../rule-context.ts';

const TYPES: readonly KeyType[] = ['ip', 'ipv6', 'integer', 'string', 'binary'];
/** Bytes of a text or binary key where nothing says how many. */
const DEFAULT_LENGTH = { string: 31, binary: 32 } as const;
const MAX_ELEMENTS = 100;

export const STICK_TABLE_USAGE =
  'type { ip | ipv6 | integer | string [len <length>] | binary [len <length>] } size <size> [expire <time>] [nopurge] [store <data_type>]*';
export const STICK_USAGE =
  '{ on | match | store-request | store-response } <pattern> [table <table>] [ { if | unless } <condition> ]';

class TableError extends Error {}
const fail = (message: string): never => {
  throw new TableError(message);
};

/** `stick-table …`: HAProxy 2.6 manual, section 4.2. */
export function parseStickTable(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems, shared } = context;
  const known = shared.stickTables.get(draft.name);
  if (known) {
    const where = `${known.position.file}:${known.position.line}`;
    const message = `stick-table name '${draft.name}' conflicts with table declared in ${known.owner} at ${where}.`;
    problems.alert(statement.position, message);
    return;
  }
  try {
    const warn = (message: string): void => problems.warn(statement.position, message);
    draft.stickTable = readTable(draft.name, statement, warn);
    const owner = `${draft.section === 'listen' ? 'proxy' : draft.section} '${draft.name}'`;
    const { type } = draft.stickTable;
    shared.stickTables.set(draft.name, { owner, position: statement.position, type });
  } catch (error) {
    if (!(error instanceof TableError)) throw error;
    problems.alert(statement.position, `stick-table: ${error.message}.`);
  }
}

function readTable(name: string, statement: Statement, warn: (message: string) => void) {
  let type: KeyType | undefined;
  let length = 0;
  let size = 0;
  let expire: number | undefined;
  let nopurge = false;
  const store: StoredData[] = [];
  let at = 1;
  const next = (keyword: string): string => {
    const word = statement.word(at++);
    return word === '' ? fail(`missing argument after '${keyword}'`) : word;
  };
  while (at < statement.length) {
    const word = statement.word(at++);
    if (word === 'size') size = sizeOf(next(word));
    else if (word === 'expire') expire = timeOf(next(word), word);
    else if (word === 'nopurge') nopurge = true;
    else if (word === 'type') {
      const text = next(word);
      type = TYPES.find((each) => each === text) ?? fail(`unknown type '${text}'`);
      length = type === 'string' || type === 'binary' ? DEFAULT_LENGTH[type] : 0;
      if (length > 0 && statement.word(at) === 'len') {
        at += 1;
        length = lengthOf(next('len'));
      }
    } else if (word === 'store') {
      for (const one of splitStore(next(word))) readStore(one, store, warn);
    } else if (word === 'peers') {
      fail("'peers' is not supported: this balancer shares no tables");
    } else if (word === 'srvkey') {
      const key = next(word);
      if (key !== 'name') fail(`srvkey '${key}' is not supported, 'name' is`);
    } else fail(`unknown argument '${word}'`);
  }
  if (size === 0) fail('missing size');
  if (!type) return fail('missing type');
  const { position } = statement;
  return { name, type, length, size, expire, nopurge, store, position };
}

const splitStore = (text: string): string[] => text.match(/[^,(]+(\([^)]*\))?/g) ?? [];

function readStore(text: string, store: StoredData[], warn: (message: string) => void): void {
  const [, name = '', argument] = /^([^(]*)(?:\((.*)\)?)?$/.exec(text.replace(/\)$/, '')) ?? [];
  if (!isDataName(name)) throw new TableError(`unknown store option '${name}'`);
  if (store.some((each) => each.name === name)) {
    warn(`stick-table: store option '${name}' already enabled, ignored.`);
    return;
  }
  const { kind, array } = DATA_TYPES[name];
  const args = argument === undefined ? [] : argument.split(',').map((each) => each.trim());
  const wanted = (array ? 1 : 0) + (kind === 'rate' ? 1 : 0);
  if (wanted === 0 && args.length > 0) fail(`unexpected argument to store option '${name}'`);
  if (args.length < wanted) fail(`missing argument to store option '${name}'`);
  if (args.length > wanted) fail(`unexpected argument to store option '${name}'`);
  let elements = 1;
  if (array) {
    elements = Number(args.shift());
    if (!Number.isInteger(elements) || elements < 1 || elements > MAX_ELEMENTS) {
      fail(`array size is out of allowed range (1-${MAX_ELEMENTS}) for store option '${name}'`);
    }
  }
  let period = 0;
  if (kind === 'rate') {
    const parsed = parseDuration(args[0]!);
    if (parsed.error || parsed.value === 0) fail(`error when processing store option '${name}'`);
    else period = parsed.value;
  }
  store.push({ name, period, elements });
}

const UNITS = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const;

function sizeOf(text: string): number {
  const [, digits, unit = '', rest] = /^(\d*)([kmgKMG]?)(.*)$/s.exec(text) ?? [];
  if (digits === '' || rest !== '') {
    const bad = digits === '' ? text[0] : rest![0];
    return fail(`unexpected character '${bad}' in argument of 'size'`);
  }
  const factor = unit === '' ? 1 : UNITS[unit.toLowerCase() as keyof typeof UNITS];
  const size = Number(digits) * factor;
  return size > 2 ** 32 - 1 ? fail(`size '${text}' is too large`) : size;
}

function lengthOf(text: string): number {
  const length = Number(text);
  if (!/^\d+$/.test(text) || length < 1 || length > 65_535) fail(`invalid len '${text}'`);
  return length;
}

function timeOf(text: string, keyword: string): number | undefined {
  const parsed = parseDuration(text);
  if (parsed.error?.kind === 'character') {
    return fail(`unexpected character '${parsed.error.character}' in argument of '${keyword}'`);
  }
  if (parsed.error) return fail(`timer overflow in argument '${text}' of '${keyword}'`);
  return parsed.value === 0 ? undefined : parsed.value;
}

const KINDS = {
  on: { match: true, store: 'request' },
  match: { match: true, store: undefined },
  'store-request': { match: false, store: 'request' },
  'store-response': { match: false, store: 'response' },
} as const;

/** `stick on | match | store-request | store-response …`. */
export function parseStick(draft: ProxyDraft, statement: Statement, context: Context): void {
  const { problems } = context;
  const kind = statement.word(1);
  if (!Object.hasOwn(KINDS, kind)) {
    problems.alert(statement.position, "'stick' expects 'on', 'match', or 'store'.");
    return;
  }
  const { match, store } = KINDS[kind as keyof typeof KINDS];
  const during = store === 'response' ? 'response' : 'request';
  const all = statement.tokens.map(({ text }) => text);
  const words = new Words(all, 2);
  if (words.done) {
    problems.alert(statement.position, "'stick' expects a fetch method.");
    return;
  }
  const rule = ruleContext(draft, statement.position, context, during, 'storage rule');
  try {
    const expression = compileExpression(words.takeExpression(), rule.environment);
    if (!isKnownAt(expression.source, during)) {
      throw new ExpressionError(
        `fetch method '${expression.keyword}' extracts information that is not available during ${during}`,
      );
    }
    let table = draft.name;
    if (words.next === 'table') {
      words.take();
      table = words.need("'table' expects a name");
    }
    if (!words.atCondition) throw new ExpressionError(`unknown keyword '${words.next}'`);
    const when = conditionOf(words, rule, 'stick');
    const { position } = statement;
    draft.rules.sticks.push({ match, store, expression, table, when, position });
    draft.rules.references.push({ kind: 'stick-table', name: table, position });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    problems.alert(statement.position, `'stick': ${error.message.replace(/\.?$/, '.')}`);
  }
}

/** Whether a value of the expression can be a key of the table. */
export const fits = (type: KeyType, out: Parameters<typeof isCastable>[0]): boolean =>
  isCastable(out, SAMPLE_OF[type]);
