import type { HttpCheckConfig, HttpExpectation } from '../model.ts';
import type { CheckReport } from '../servers/types.ts';

/** A response as far as it has come. Texts are latin1. */
export interface CheckedResponse {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  /** Nothing of the body is still to come. */
  readonly complete: boolean;
}

export type Judgement = Pick<CheckReport, 'status' | 'code' | 'info'>;

/**
 * What HAProxy's rules say of a response (manual, `http-check expect`), or undefined while only
 * more of its body can tell. `drains`: a 404 asks to be left out of balancing.
 */
export function judge(
  { expect }: HttpCheckConfig,
  response: CheckedResponse,
  drains: boolean,
): Judgement | undefined {
  const { status: code } = response;
  if (drains && code === 404) return { status: 'L7OKC', code };
  if (expect.length === 0 && (code < 200 || code > 399)) return wrongStatus(response);
  for (const one of expect) {
    const fault = faultIn(one, response);
    if (fault !== NONE) return fault;
  }
  return { status: 'L7OK', code };
}

const NONE = Symbol('none');

/** What is wrong, NONE, or undefined when it is too early to say. */
function faultIn(
  one: HttpExpectation,
  response: CheckedResponse,
): Judgement | typeof NONE | undefined {
  switch (one.kind) {
    case 'status': {
      const { status } = response;
      const found = one.ranges.some(([first, last]) => first <= status && status <= last);
      return found !== one.negated ? NONE : wrongStatus(response);
    }
    case 'rstatus':
      return one.pattern.test(String(response.status)) !== one.negated
        ? NONE
        : wrongStatus(response);
    case 'string':
      return contentFault(response, one.negated, response.body.includes(one.text));
    case 'rstring':
      return contentFault(response, one.negated, one.pattern.test(response.body));
  }
}

function contentFault(
  { body, complete }: CheckedResponse,
  negated: boolean,
  found: boolean,
): Judgement | typeof NONE | undefined {
  if (!complete && (body === '' || !found)) return undefined;
  if (body === '') return invalid('HTTP content check could not find a response body');
  if (found !== negated) return NONE;
  return invalid(
    negated ? 'HTTP check matched unwanted content' : 'HTTP content check did not match',
  );
}

function wrongStatus({ status, reason }: CheckedResponse): Judgement {
  return reason === ''
    ? { status: 'L7STS', code: status }
    : { status: 'L7STS', code: status, info: reason };
}

const invalid = (info: string): Judgement => ({ status: 'L7RSP', info });
