import type { RetryOn } from '../../model.ts';
import type { ProxyDraft } from '../draft.ts';
import type { Context } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const EVENTS = ['conn-failure', 'empty-response', 'junk-response', 'response-timeout'] as const;
const STATUSES: readonly number[] = [401, 403, 404, 408, 425, 500, 501, 502, 503, 504];
/** What the manual counts as errors that a retry may mend. */
const RETRYABLE: readonly number[] = [500, 502, 503, 504];

export const RETRY_ON_USAGE = `none | [ ${EVENTS.join(' | ')} | 0rtt-rejected | <status> | all-retryable-errors ]*`;

/** `retry-on <keyword>*`: HAProxy 2.6 manual, section 4.2. */
export function parseRetryOn(draft: ProxyDraft, statement: Statement, { problems }: Context): void {
  const words = statement.tokens.slice(1).map(({ text }) => text);
  if (words.length === 0) {
    const message = "'retry-on' needs at least one keyword to specify when to retry";
    problems.alert(statement.position, message);
    return;
  }
  const events = new Set<RetryOn>();
  for (const [index, word] of words.entries()) {
    const event = EVENTS.find((known) => known === word);
    const status = /^\d{3}$/.test(word)
      ? STATUSES.find((known) => known === Number(word))
      : undefined;
    if (word === 'none') {
      if (words.length > 1) {
        const message = "'retry-on' 'none' keyword only usable alone";
        problems.alert(statement.at(index + 1), message);
        return;
      }
    } else if (event) events.add(event);
    else if (status !== undefined) events.add(status);
    else if (word === 'all-retryable-errors') {
      for (const each of [...EVENTS, ...RETRYABLE]) events.add(each);
    } else if (word !== '0rtt-rejected') {
      // Early data is never sent to servers, so that none of it is ever rejected.
      problems.alert(statement.at(index + 1), `'retry-on': unknown keyword '${word}'`);
      return;
    }
  }
  draft.settings.retryOn = [...events];
}
