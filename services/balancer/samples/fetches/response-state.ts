import { type FetchTable, plain } from '../fetch.ts';
import { bool, optional, str } from '../sample.ts';

/** What becomes of a response on its way: HAProxy 2.6 manual, section 7.3.6. */
export const RESPONSE_STATE_FETCHES: FetchTable = {
  'res.comp': plain('bool', 'internal', 'whether the response is compressed', (scope) =>
    bool(scope.compression !== undefined),
  ),
  'res.comp_algo': plain('str', 'internal', 'how the response is compressed', (scope) =>
    optional(scope.compression, str),
  ),
  'res.cache_hit': plain('bool', 'internal', 'whether a cache has answered', (scope) =>
    bool(scope.answeringCache !== undefined),
  ),
  'res.cache_name': plain('str', 'internal', 'the cache that has answered', (scope) =>
    optional(scope.answeringCache, str),
  ),
};
