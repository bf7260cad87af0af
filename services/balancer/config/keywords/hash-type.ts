import type { HashConfig } from '../../model.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, integerArgument, MAX_COUNT } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const METHODS: readonly HashConfig['method'][] = ['map-based', 'consistent'];
const FUNCTIONS: readonly HashConfig['function'][] = ['sdbm', 'djb2', 'wt6', 'crc32'];

export const HASH_TYPE_USAGE = `${METHODS.join(' | ')} [ ${FUNCTIONS.join(' | ')} [ avalanche ] ]`;

/** `hash-type <method> [<function> [<modifier>]]`: HAProxy 2.6 manual, section 4.2. */
export function parseHashType(
  draft: ProxyDraft,
  statement: Statement,
  { problems }: Context,
): void {
  const [, method, digest, modifier] = [0, 1, 2, 3].map((index) => statement.word(index));
  const known = METHODS.find((each) => each === method);
  if (!known) {
    const message = "'hash-type' only supports 'consistent' and 'map-based'.";
    problems.alert(statement.at(1), message);
    return;
  }
  const chosen = FUNCTIONS.find((each) => each === digest);
  if (digest !== '' && !chosen) {
    const message = "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.";
    problems.alert(statement.at(2), message);
    return;
  }
  if (modifier !== '' && modifier !== 'avalanche') {
    const message = "'hash-type' only supports 'avalanche' as a modifier for hash functions.";
    problems.alert(statement.at(3), message);
    return;
  }
  const { hash } = draft.settings;
  hash.method = known;
  hash.function = chosen ?? 'sdbm';
  // Without a function named, a ring gets one whose results are spread evenly.
  hash.avalanche = chosen ? modifier === 'avalanche' : known === 'consistent';
}

/** `hash-balance-factor <factor>`. */
export function parseHashBalanceFactor(
  draft: ProxyDraft,
  statement: Statement,
  context: Context,
): void {
  const range = { min: 0, max: MAX_COUNT, keyword: 'hash-balance-factor' };
  const factor = integerArgument(statement, 1, range, context);
  if (factor === undefined) return;
  if (factor > 0 && factor <= 100) {
    const message = "'hash-balance-factor' must be 0 or greater than 100.";
    context.problems.alert(statement.at(1), message);
    return;
  }
  draft.settings.hash.balanceFactor = factor;
}
