import type { CheckScope, CheckStep, ExpectStep } from './steps.ts';

/** Longest description of a result, bytes; HAProxy keeps as much. */
export const MAX_INFO = 127;

type Protocol = 'tcp' | 'http' | 'other';

/** A step's place as HAProxy counts it: from 1, and 0 for a connection that nobody asked for. */
export const stepId = (step: CheckStep): number =>
  step.kind === 'connect' && step.implicit && step.index === 0 ? 0 : step.index + 1;

/** What a `tcp-check expect` waits for, in a message on a failed connection. */
function expected({ match }: ExpectStep): string {
  switch (match.kind) {
    case 'string':
      return `string '${match.shown}'`;
    case 'binary':
      return `binary '${match.data.toString('latin1')}'`;
    case 'rstring':
      return 'regex';
    case 'rbinary':
      return 'binary regex';
    case 'string-lf':
      return 'log-format string';
    case 'binary-lf':
      return 'log-format binary';
    default:
      return 'custom function';
  }
}

/** Where a script was when the connection failed or the time was over: only tcp-check tells. */
export function whereabouts(step: CheckStep, protocol: Protocol): string {
  if (protocol !== 'tcp') return '';
  const id = stepId(step);
  if (id === 0) return ' at initial connection step of tcp-check';
  let text = ` at step ${id} of tcp-check`;
  if (step.kind === 'connect') {
    text += step.port === undefined ? ' (connect)' : ` (connect port ${step.port})`;
  } else if (step.kind === 'send') text += ' (send)';
  else if (step.kind === 'expect') text += ` (expect ${expected(step)})`;
  return step.comment === undefined ? text : `${text} comment: '${step.comment}'`;
}

const MISMATCH: Partial<Record<ExpectStep['match']['kind'], string>> = {
  binary: '(binary)',
  rstring: '(regex)',
  rbinary: '(binary regex)',
  'string-lf': '(log-format string)',
  'binary-lf': '(log-format binary)',
  protocol: '(custom function)',
};

/** Why an expectation does not hold. `info` is what its protocol has to say. */
export function errorMessage(
  step: ExpectStep,
  scope: CheckScope,
  { protocol, matched, info }: { protocol: Protocol; matched: boolean; info: string },
): string {
  const comment = step.comment === undefined ? '' : ` comment: ${step.comment}`;
  if (info !== '') return info + comment;
  if (step.onError) return step.onError(scope) + comment;
  if (protocol !== 'tcp') return comment;
  const { match } = step;
  const what = match.kind === 'string' ? `'${match.shown}'` : (MISMATCH[match.kind] ?? '');
  const verdict = matched ? 'TCPCHK matched unwanted content' : 'TCPCHK did not match content';
  return `${verdict} ${what} at step ${stepId(step)}${comment}`;
}

export function successMessage(step: ExpectStep, scope: CheckScope, protocol: Protocol): string {
  if (step.onSuccess) return step.onSuccess(scope);
  return protocol === 'tcp' ? '(tcp-check)' : '';
}

/** The server ended before it said a word. */
export function emptyMessage(step: ExpectStep): string {
  const comment = step.comment === undefined ? '' : ` comment: '${step.comment}'`;
  return `TCPCHK got an empty response at step ${stepId(step)}${comment}`;
}
