import {
  type CacheConfig,
  DEFAULT_MAX_AGE,
  DEFAULT_OBJECT_SHARE,
  DEFAULT_SECONDARY_ENTRIES,
  MEGABYTE,
} from '../cache/config.ts';
import type { Position } from '../model.ts';
import {
  type Context,
  type Keyword,
  type KeywordTable,
  lookUp,
  onlyArguments,
  suggestion,
} from './keyword.ts';
import type { Statement } from './lexer.ts';
import { forbiddenCharacter } from './names.ts';
import type { OpenSection } from './sections.ts';

/** A `cache` section as far as it has been read. */
export interface CacheDraft {
  name: string;
  position: Position;
  /** Megabytes. */
  totalMaxSize: number | undefined;
  maxObjectSize: number | undefined;
  maxAge: number;
  processVary: boolean;
  maxSecondaryEntries: number;
}

/** Megabytes; HAProxy's limit. */
const LARGEST = 4095;

/** `name <number>`, from 1 on. */
const size = (
  name: string,
  usage: string,
  summary: string,
  set: (draft: CacheDraft, value: number) => void,
): Keyword<CacheDraft> => ({
  usage,
  summary,
  parse: (draft, statement, context) => {
    if (!onlyArguments(statement, 1, context)) return;
    const text = statement.word(1);
    if (/^[1-9]\d{0,9}$/.test(text)) set(draft, Number(text));
    else context.problems.alert(statement.at(1), `${name} wrong value '${text}'`);
  },
});

/** Keywords of a cache: HAProxy 2.6 manual, section 6.2. */
export const CACHE_KEYWORDS: KeywordTable<Keyword<CacheDraft>> = {
  'total-max-size': {
    usage: '<megabytes>',
    summary: 'room for all responses together (1 to 4095)',
    parse: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const text = statement.word(1);
      const { problems } = context;
      if (!/^[1-9]\d*$/.test(text)) {
        problems.alert(statement.at(1), `total-max-size wrong value '${text}'`);
      } else if (Number(text) > LARGEST) {
        const message = `"total-max-size" (${text}) must not be greater than ${LARGEST}`;
        problems.alert(statement.at(1), message);
      } else draft.totalMaxSize = Number(text);
    },
  },
  'max-object-size': size(
    'max-object-size',
    '<bytes>',
    'longest response that is kept (default: a 256th of the room)',
    (draft, value) => {
      draft.maxObjectSize = value;
    },
  ),
  'max-age': {
    usage: '<seconds>',
    summary: `how long a response is fresh at most (default ${DEFAULT_MAX_AGE})`,
    parse: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const text = statement.word(1);
      if (/^\d{1,9}$/.test(text)) draft.maxAge = Number(text);
      else {
        const message = "'max-age' expects an age parameter in seconds.";
        context.problems.warn(statement.at(1), message);
      }
    },
  },
  'process-vary': {
    usage: '{ on | off }',
    summary: 'keep responses that vary with accept-encoding or referer, too (default off)',
    parse: (draft, statement, context) => {
      if (!onlyArguments(statement, 1, context)) return;
      const text = statement.word(1);
      if (text === 'on' || text === 'off') draft.processVary = text === 'on';
      else {
        const message = `'process-vary' expects "on" or "off" (enable or disable vary processing).`;
        context.problems.warn(statement.at(1), message);
      }
    },
  },
  'max-secondary-entries': size(
    'max-secondary-entries',
    '<number>',
    `variants of one address (default ${DEFAULT_SECONDARY_ENTRIES})`,
    (draft, value) => {
      draft.maxSecondaryEntries = value;
    },
  ),
};

/** `cache <name>`. */
export function openCache(statement: Statement, { problems, shared }: Context): OpenSection {
  const name = statement.word(1);
  const fail = (message: string): OpenSection => {
    problems.alert(statement.at(1), message);
    return { kind: 'skipped' };
  };
  if (name === '') return fail("'cache' expects a <name> argument");
  const extra = statement.tokens[2];
  if (extra) return fail(`'cache' cannot handle unexpected argument '${extra.text}'.`);
  const bad = forbiddenCharacter(name);
  if (bad !== undefined)
    return fail(`character '${bad}' is not permitted in cache name '${name}'.`);
  if (shared.cacheDrafts.has(name)) return fail(`Duplicate cache name '${name}'.`);
  const draft: CacheDraft = {
    name,
    position: statement.position,
    totalMaxSize: undefined,
    maxObjectSize: undefined,
    maxAge: DEFAULT_MAX_AGE,
    processVary: false,
    maxSecondaryEntries: DEFAULT_SECONDARY_ENTRIES,
  };
  shared.cacheDrafts.set(name, draft);
  return { kind: 'cache', draft };
}

export function parseCacheLine(draft: CacheDraft, statement: Statement, context: Context): void {
  const word = statement.word(0);
  const row = lookUp(CACHE_KEYWORDS, word);
  if (row) {
    row.parse(draft, statement, context);
    return;
  }
  const hint = suggestion(word, Object.keys(CACHE_KEYWORDS));
  const message = `unknown keyword '${word}' in 'cache' section${hint}`;
  context.problems.alert(statement.position, message);
}

/** Gives every cache its settings; one that was named and never defined is an error. */
export function finishCaches({ problems, shared }: Context): void {
  for (const draft of shared.cacheDrafts.values()) {
    const config = settle(draft, problems.alert.bind(problems));
    if (config) shared.cache(draft.name).configure(config);
  }
  for (const [name, { named }] of shared.caches) {
    if (shared.cacheDrafts.has(name) || !named) continue;
    const message = `proxy '${named.proxy}': unable to find the cache '${name}' referenced by the filter 'cache'${suggestion(name, shared.cacheDrafts.keys())}.`;
    problems.alert(named.position, message);
  }
}

function settle(
  draft: CacheDraft,
  alert: (position: Position, message: string) => void,
): CacheConfig | undefined {
  const { name, position, totalMaxSize, maxAge, processVary, maxSecondaryEntries } = draft;
  if (totalMaxSize === undefined) {
    alert(position, `Size not specified for cache '${name}'`);
    return undefined;
  }
  const room = totalMaxSize * MEGABYTE;
  const half = Math.floor(room / 2);
  if (draft.maxObjectSize !== undefined && draft.maxObjectSize > half) {
    alert(position, `"max-object-size" is limited to an half of "total-max-size" => ${half}`);
    return undefined;
  }
  const maxObjectSize = draft.maxObjectSize ?? room / DEFAULT_OBJECT_SHARE;
  return { name, totalMaxSize: room, maxObjectSize, maxAge, processVary, maxSecondaryEntries };
}
