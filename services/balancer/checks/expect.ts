import { errorMessage } from './messages.ts';
import {
  type CheckFault,
  type CheckOk,
  type CheckScope,
  type ExpectStep,
  parseHexBytes,
} from './steps.ts';

/** How a script ends at an expectation. */
export interface Ending {
  status: CheckOk | CheckFault;
  code: number | undefined;
  info: string;
}

export type Verdict = 'wait' | 'next' | Ending;

/** What is known where an expectation is judged. */
export interface Evidence {
  scope: CheckScope;
  /** Nothing more will come, or nothing more is taken. */
  ended: boolean;
  protocol: 'tcp' | 'http' | 'other';
}

/**
 * Judges one expectation by all that has come since the last `send` (manual, `tcp-check expect`):
 * `wait` while more may make it hold.
 */
export function judgeExpectation(step: ExpectStep, evidence: Evidence): Verdict {
  const { match, negated } = step;
  const { scope, ended } = evidence;
  const { input } = scope;
  if (match.kind === 'protocol') {
    const verdict = match.judge(input, ended);
    if (typeof verdict === 'string') return verdict;
    const good = verdict.status === 'L7OK';
    const { info = '' } = verdict;
    const text = good ? info : errorMessage(step, scope, { ...evidence, matched: false, info });
    return { status: verdict.status, code: verdict.code, info: text };
  }
  if (!ended) {
    const fixed = match.kind === 'string' || match.kind === 'binary';
    if (fixed && input.length < match.data.length) return 'wait';
    if (step.minReceived !== undefined && input.length < step.minReceived) return 'wait';
  }
  const wanted = wantedBytes(step, scope);
  if (typeof wanted === 'string') return fail(wanted, false);
  if (!ended && wanted && input.length < wanted.length) return 'wait';
  const found = wanted ? input.includes(wanted) : matchesPattern(step, input);
  if (!found && !ended && step.minReceived === undefined) return 'wait';
  return found !== negated ? 'next' : fail('', found);

  function fail(info: string, matched: boolean): Ending {
    return {
      status: info === '' ? (step.fault ?? 'L7RSP') : 'L7RSP',
      code: step.code?.(scope),
      info: errorMessage(step, scope, { ...evidence, matched, info }),
    };
  }
}

/** The bytes to look for, undefined for a pattern, or why there are none. */
function wantedBytes({ match }: ExpectStep, scope: CheckScope): Buffer | string | undefined {
  switch (match.kind) {
    case 'string':
    case 'binary':
      return match.data;
    case 'string-lf':
    case 'binary-lf': {
      const text = match.text(scope);
      if (text === '') return 'log-format string evaluated to an empty string';
      if (match.kind === 'string-lf') return Buffer.from(text, 'latin1');
      return (
        parseHexBytes(text) ?? 'Failed to parse hexastring resulting of eval of a log-format string'
      );
    }
    default:
      return undefined;
  }
}

function matchesPattern({ match }: ExpectStep, input: Buffer): boolean {
  if (match.kind === 'rstring') return match.pattern.test(input.toString('latin1'));
  if (match.kind === 'rbinary') return match.pattern.test(input.toString('hex').toUpperCase());
  return false;
}
