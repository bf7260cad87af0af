import type { Evidence, Verdict } from './expect.ts';
import { errorMessage } from './messages.ts';
import type { CheckedResponse, CheckFault, CheckScope, ExpectStep, TextMatch } from './steps.ts';

/**
 * Judges one `http-check expect` by the response as far as it has come (manual, `http-check
 * expect`): `wait` while only more of the body can tell.
 */
export function judgeResponse(step: ExpectStep, evidence: Evidence): Verdict {
  const { match, negated } = step;
  const { scope } = evidence;
  const { response } = scope;
  const ended = evidence.ended || response?.complete === true;
  if (!response) return ended ? fail('L7RSP', '') : 'wait';
  const reason = step.onError ? '' : response.reason;
  switch (match.kind) {
    case 'status': {
      const { status } = response;
      const found = match.ranges.some(([first, last]) => first <= status && status <= last);
      return found !== negated ? 'next' : fail('L7STS', reason);
    }
    case 'rstatus':
      return match.pattern.test(String(response.status)) !== negated
        ? 'next'
        : fail('L7STS', reason);
    case 'header': {
      const [name, value] = [evaluated(match.name, scope), evaluated(match.value, scope)];
      if (isEmpty(name) || isEmpty(value)) return fail('L7RSP', EMPTY_FORMAT);
      const found = hasField({ full: match.full, name, value }, response);
      return found !== negated ? 'next' : fail('L7STS', reason);
    }
    default:
      return content(response.body);
  }

  function content(body: string): Verdict {
    if (body === '') {
      return ended ? fail('L7RSP', 'HTTP content check could not find a response body') : 'wait';
    }
    const text = match.kind === 'body' ? match.text : undefined;
    const wanted = match.kind === 'body-lf' ? match.text(scope) : text;
    if (wanted === '') return fail('L7RSP', EMPTY_FORMAT);
    if (!ended && wanted !== undefined && body.length < wanted.length) return 'wait';
    if (!ended && step.minReceived !== undefined && body.length < step.minReceived) return 'wait';
    const found =
      wanted === undefined
        ? match.kind === 'body-pattern' && match.pattern.test(body)
        : body.includes(wanted);
    if (!found && !ended && step.minReceived === undefined) return 'wait';
    if (found !== negated) return 'next';
    const unwanted = 'HTTP check matched unwanted content';
    return fail('L7RSP', negated ? unwanted : 'HTTP content check did not match');
  }

  function fail(status: CheckFault, cause: string): Verdict {
    const info = step.onError && cause !== '' ? '' : cause;
    return {
      status: step.fault ?? status,
      code: step.code ? step.code(scope) : response?.status,
      info: errorMessage(step, scope, { ...evidence, matched: false, info }),
    };
  }
}

const EMPTY_FORMAT = 'log-format string evaluated to an empty string';

/** What a text is compared with, its formats filled in. */
type Wanted =
  | { how: 'str' | 'beg' | 'end' | 'sub'; text: string }
  | { how: 'reg'; pattern: RegExp };

function evaluated(match: TextMatch | undefined, scope: CheckScope): Wanted | undefined {
  if (!match || match.how === 'reg') return match;
  return { how: match.how, text: typeof match.text === 'string' ? match.text : match.text(scope) };
}

const isEmpty = (wanted: Wanted | undefined): boolean =>
  wanted !== undefined && wanted.how !== 'reg' && wanted.text === '';

function hasField(
  { full, name, value }: { full: boolean; name: Wanted | undefined; value: Wanted | undefined },
  { fields }: CheckedResponse,
): boolean {
  for (const [field, text] of fields) {
    if (!name || !matches(name, field, true)) continue;
    if (!value) return true;
    const values = full ? [text] : splitList(text);
    if (values.some((one) => matches(value, one, false))) return true;
  }
  return false;
}

function matches(wanted: Wanted, text: string, anyCase: boolean): boolean {
  if (wanted.how === 'reg') return wanted.pattern.test(text);
  const [a, b] = anyCase ? [text.toLowerCase(), wanted.text.toLowerCase()] : [text, wanted.text];
  switch (wanted.how) {
    case 'str':
      return a === b;
    case 'beg':
      return a.startsWith(b);
    case 'end':
      return a.endsWith(b);
    case 'sub':
      return a.includes(b);
  }
}

/** The parts of a list, commas within quotes left alone (RFC 9110, 5.6.1). */
function splitList(text: string): string[] {
  return (text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []).map((part) => part.trim());
}
