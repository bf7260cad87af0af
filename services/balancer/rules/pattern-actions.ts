import { ExpressionError } from '../samples/fetch.ts';
import type { PatternKind, PatternList } from '../samples/pattern-registry.ts';
import { textOf } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';

/** What a rule does with a list; a key that no place can match leaves it as it is. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
  }
}

const row = (
  kind: PatternKind,
  usage: string,
  summary: string,
  act: (list: PatternList, key: string, value: string) => void,
): HttpActionRow => {
  const withValue = usage.includes('value');
  return {
    usage,
    summary,
    phases: ['request', 'response'],
    parse: (words, context, file) => {
      const message = withValue ? 'expects exactly 2 arguments' : 'expects exactly 1 arguments';
      const key = textOf(words.need(message), context);
      const value = withValue ? textOf(words.need(message), context) : () => '';
      const { patterns } = context.environment;
      return {
        kind: 'run',
        run: (scope) => {
          const list = patterns?.find(kind, file);
          if (list) attempt(() => act(list, key(scope), value(scope)));
        },
      };
    },
  };
};

/** Actions that change maps and ACLs by their file: HAProxy 2.6 manual, section 4.2. */
export const PATTERN_ACTIONS: Readonly<Record<string, HttpActionRow>> = {
  'add-acl': row('acl', '(<file>) <key fmt>', 'adds a pattern to an ACL', (list, key) => {
    if (list.find(key).length === 0) list.add(key, undefined);
  }),
  'del-acl': row('acl', '(<file>) <key fmt>', 'takes a pattern from an ACL', (list, key) => {
    list.delete(key);
  }),
  'set-map': row(
    'map',
    '(<file>) <key fmt> <value fmt>',
    'sets a value of a map',
    (list, key, to) => {
      if (!list.change(key, to)) list.add(key, to);
    },
  ),
  'del-map': row('map', '(<file>) <key fmt>', 'takes a key from a map', (list, key) => {
    list.delete(key);
  }),
};
