import type { Backend } from './backend.ts';
import type { Server } from './server.ts';
import type { CheckStatus, CheckVerdict } from './types.ts';

/** What HAProxy calls the results of checks in its event lines. */
export const CHECK_NAMES: Record<CheckStatus, string> = {
  UNK: 'Unknown',
  INI: 'Initializing',
  SOCKERR: 'Socket error',
  L4OK: 'Layer4 check passed',
  L4TOUT: 'Layer4 timeout',
  L4CON: 'Layer4 connection problem',
  L7OK: 'Layer7 check passed',
  L7OKC: 'Layer7 check conditionally passed',
  L7TOUT: 'Layer7 timeout',
  L7RSP: 'Layer7 invalid response',
  L7STS: 'Layer7 wrong status',
};

const VERDICTS: Record<CheckVerdict, string> = {
  passed: 'succeeded',
  conditional: 'conditionally succeeded',
  failed: 'failed',
};

const fullName = (server: Server): string => `${server.backend.config.name}/${server.config.name}`;
const title = (server: Server): string => (server.config.backup ? 'Backup Server' : 'Server');

function reason(server: Server): string {
  const { checkStatus, checkInfo, checkDuration, checkCode } = server;
  let text = `, reason: ${CHECK_NAMES[checkStatus]}`;
  if (checkCode !== undefined) text += `, code: ${checkCode}`;
  if (checkInfo !== undefined) text += `, info: "${checkInfo}"`;
  if (checkDuration !== undefined) text += `, check duration: ${checkDuration}ms`;
  return text;
}

/** Under `option log-health-checks` the check's own line has just said why. */
const reasonOnce = (server: Server): string =>
  server.backend.config.options.logHealthChecks ? '' : reason(server);

/** `Server x/y is UP, reason: …` (or `is stopping`), as HAProxy logs it. */
export function serverUp(server: Server, requeued: number): string {
  const { backend } = server;
  const what = server.state === 'stopping' ? 'stopping' : 'UP';
  return (
    `${title(server)} ${fullName(server)} is ${what}${reasonOnce(server)}. ` +
    `${backend.active} active and ${backend.backups} backup servers online.` +
    `${backend.usable && backend.active === 0 ? ' Running on backup.' : ''} ` +
    `${requeued} sessions requeued, ${backend.queue.length} total in queue.`
  );
}

/** `Server x/y is DOWN, reason: …`, as HAProxy logs it. */
export function serverDown(server: Server, requeued: number): string {
  const { backend } = server;
  return (
    `${title(server)} ${fullName(server)} is DOWN${reasonOnce(server)}. ` +
    `${backend.active} active and ${backend.backups} backup servers left.` +
    `${backend.usable && backend.active === 0 ? ' Running on backup.' : ''} ` +
    `${server.cur} sessions active, ${requeued} requeued, ` +
    `${backend.queue.length} remaining in queue.`
  );
}

/** Its `proxy … has no server available!` line; the terminal's has the name in quotes. */
export function noServerLeft(backend: Backend, quote = ''): string {
  const { name, kind } = backend.config;
  const what = kind === 'listen' ? 'proxy' : kind;
  return `${what} ${quote}${name}${quote} has no server available!`;
}

/** Its line for `option log-health-checks`. */
export function checkResult(server: Server, verdict: CheckVerdict): string {
  const check = server.config.check;
  if (!check) return '';
  const { health } = server;
  const up = health >= check.rise;
  const score = up ? `${health - check.rise + 1}/${check.fall}` : `${health}/${check.rise}`;
  const word = up ? (server.weight > 0 ? 'UP' : 'DRAIN') : 'DOWN';
  const which = server.config.backup ? 'backup ' : '';
  return (
    `Health check for ${which}server ${fullName(server)} ${VERDICTS[verdict]}` +
    `${reason(server)}, status: ${score} ${word}.`
  );
}
