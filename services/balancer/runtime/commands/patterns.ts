import { ExpressionError } from '../../samples/fetch.ts';
import type { PatternKind, PatternList } from '../../samples/pattern-registry.ts';
import { str } from '../../samples/sample.ts';
import type { Call, Command, CommandTable } from '../command.ts';
import { data, failure, NOTHING, type Reply } from '../reply.ts';

const NAMES = { map: 'map', acl: 'ACL' } as const;

/** Runs `use` on the list that the first word names. */
const onList =
  (kind: PatternKind, use: (list: PatternList, call: Call) => Reply) =>
  (call: Call): Reply => {
    const list = call.host.config.patterns?.find(kind, call.word(0));
    if (list) return use(list, call);
    return failure(`Unknown ${NAMES[kind]} identifier. Please use #<id> or <file>.`);
  };

const entryLine = ({ reference, key, value }: PatternList['entries'][number]): string =>
  `0x${reference.toString(16)} ${key}${value === undefined ? '' : ` ${value}`}\n`;

/** Maps and ACLs alike (management guide, section 9.3). */
const commandsFor = (kind: PatternKind): Command[] => [
  {
    name: `show ${kind}`,
    usage: kind === 'map' ? 'show map [@ver] [map]' : 'show acl [@<ver>] <acl>]',
    summary:
      kind === 'map'
        ? "report available maps or dump a map's contents"
        : "report available acls or dump an acl's contents",
    run: (call) => {
      if (call.word(0) !== '') {
        return onList(kind, ({ entries }) => data(entries.map(entryLine).join('')))(call);
      }
      const lists = call.host.config.patterns?.lists(kind) ?? [];
      const lines = lists.map(
        ({ id, file, description, entries }) =>
          `${id} (${file}) ${description}. curr_ver=0 next_ver=0 entry_cnt=${entries.length}\n`,
      );
      return data(`# id (file) description\n${lines.join('')}`);
    },
  },
  {
    name: `get ${kind}`,
    usage: `get ${kind} <acl> <value>`,
    summary:
      kind === 'map'
        ? 'report the keys and values matching a sample for a map'
        : 'report the patterns matching a sample for an ACL',
    run: (call) =>
      onList(kind, ({ uses }, { words }) => {
        const sample = str(words.slice(1).join(' '));
        const lines = uses.map(({ set }) => {
          const found = set.find(sample) as { value?: unknown } | undefined;
          const value = kind === 'map' && found ? `, value="${String(found.value)}"` : '';
          return `match=${found === undefined ? 'no' : 'yes'}${value}\n`;
        });
        return data(lines.join(''));
      })(call),
  },
  {
    name: `del ${kind}`,
    workers: 'each',
    usage: `del ${kind} <${kind}> [<key>|#<ref>]`,
    summary: `delete ${kind} entries matching <key>`,
    run: onList(kind, (list, { word }) => {
      if (word(1) === '') {
        return failure(`This command expects two parameters: ${NAMES[kind]} identifier and key.`);
      }
      return list.delete(word(1)) ? NOTHING : failure('Key not found.');
    }),
  },
  {
    name: `clear ${kind}`,
    workers: 'each',
    usage: `clear ${kind} [@<ver>] <${kind}>`,
    summary: `clear the contents of this ${kind}`,
    run: onList(kind, (list) => {
      list.clear();
      return NOTHING;
    }),
  },
];

function add(list: PatternList, key: string, value: string | undefined): Reply | undefined {
  try {
    list.add(key, value);
    return undefined;
  } catch (error) {
    if (error instanceof ExpressionError) return failure(`${error.message}.`);
    throw error;
  }
}

/** Runs `add` line by line until one is refused. */
function addAll(payload: string, one: (line: string) => Reply | undefined): Reply {
  for (const raw of payload.split('\n')) {
    const line = raw.trim();
    const refused = line === '' ? undefined : one(line);
    if (refused) return refused;
  }
  return NOTHING;
}

const MAP_USAGE = failure(
  "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload",
);

export const PATTERN_COMMANDS: CommandTable = [
  ...commandsFor('map'),
  ...commandsFor('acl'),
  {
    name: 'add acl',
    workers: 'each',
    usage: 'add acl [@<ver>] <acl> <pattern>',
    summary: 'add an acl entry',
    run: (call) => {
      const { payload, word } = call;
      if (word(0) === '' || (word(1) === '' && payload === undefined)) {
        return failure("'add acl' expects two parameters: ACL identifier and pattern.");
      }
      return onList('acl', (list) =>
        payload === undefined
          ? (add(list, word(1), undefined) ?? NOTHING)
          : addAll(payload, (line) => add(list, line, undefined)),
      )(call);
    },
  },
  {
    name: 'add map',
    workers: 'each',
    usage: 'add map [@<ver>] <map> <key> <val>',
    summary: 'add a map entry (payload supported instead of key/val)',
    run: (call) => {
      const { payload, word } = call;
      if (word(0) === '' || (payload === undefined && word(2) === '')) return MAP_USAGE;
      return onList('map', (list) =>
        payload === undefined
          ? (add(list, word(1), word(2)) ?? NOTHING)
          : addAll(payload, (line) => {
              const [, key = '', value] = /^(\S+)[ \t]+(.+)$/.exec(line) ?? [];
              return value === undefined
                ? failure(`Missing value for key '${line}'.`)
                : add(list, key, value);
            }),
      )(call);
    },
  },
  {
    name: 'set map',
    workers: 'each',
    usage: 'set map <map> [<key>|#<ref>] <value>',
    summary: 'modify a map entry',
    run: (call) => {
      const { word } = call;
      if (word(2) === '') {
        return failure("'set map' expects three parameters: map identifier, key and value.");
      }
      return onList('map', (list) => {
        try {
          return list.change(word(1), word(2)) ? NOTHING : failure('entry not found.');
        } catch (error) {
          if (error instanceof ExpressionError) return failure(`${error.message}.`);
          throw error;
        }
      })(call);
    },
  },
];
