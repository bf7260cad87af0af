import type { RuleContext } from './context.ts';
import type { HttpActionRow } from './http-actions.ts';
import type { Words } from './words.ts';

const cacheOf = (words: Words, context: RuleContext) =>
  context.cache(words.need('expects a cache name'));

/** HAProxy 2.6 manual, section 6. */
export const CACHE_ACTIONS: Readonly<Record<string, HttpActionRow>> = {
  'cache-use': {
    usage: '<name>',
    summary: 'answers from this cache where it has the response',
    phases: ['request'],
    parse: (words, context) => {
      const cache = cacheOf(words, context);
      return { kind: 'run', run: (scope) => scope.useCache(cache) };
    },
  },
  'cache-store': {
    usage: '<name>',
    summary: 'keeps the response in this cache where it may be',
    phases: ['response'],
    parse: (words, context) => {
      const cache = cacheOf(words, context);
      return { kind: 'run', run: (scope) => scope.storeInCache(cache) };
    },
  },
};
