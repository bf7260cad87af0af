import type { Level } from '../log/record.ts';
import type { Backend } from './backend.ts';
import type { Server } from './server.ts';
import type { CheckStatus, CheckVerdict, TurnCause } from './types.ts';

/** What HAProxy calls the results of checks in its event lines. */
export const CHECK_NAMES: Record<CheckStatus, string> = {
  UNK: 'Unknown',
  INI: 'Initializing',
  SOCKERR: 'Socket error',
  L4OK: 'Layer4 check passed',
  L4TOUT: 'Layer4 timeout',
  L4CON: 'Layer4 connection problem',
  L6OK: 'Layer6 check passed',
  L6TOUT: 'Layer6 timeout',
  L6RSP: 'Layer6 invalid response',
  L7OK: 'Layer7 check passed',
  L7OKC: 'Layer7 check conditionally passed',
  L7TOUT: 'Layer7 timeout',
  L7RSP: 'Layer7 invalid response',
  L7STS: 'Layer7 wrong status',
  PROCERR: 'External check error',
  PROCTOUT: 'External check timeout',
  PROCOK: 'External check passed',
  HANA: 'Health analyze',
  CHECKED: 'No status change',
};

const VERDICTS: Record<CheckVerdict, string> = {
  passed: 'succeeded',
  conditional: 'conditionally succeeded',
  failed: 'failed',
};

const fullName = (server: Server): string => `${server.backend.config.name}/${server.config.name}`;
const title = (server: Server): string => (server.config.backup ? 'Backup Server' : 'Server');

/** What a check or an agent had to say. */
interface Outcome {
  status: CheckStatus;
  code?: number | undefined;
  info?: string | undefined;
  duration?: number | undefined;
}

function reason({ status, code, info, duration }: Outcome): string {
  let text = `, reason: ${CHECK_NAMES[status]}`;
  if (code !== undefined) text += `, code: ${code}`;
  if (info !== undefined) text += `, info: "${shown(info)}"`;
  if (duration !== undefined) text += `, check duration: ${duration}ms`;
  return text;
}

/** What is no plain character is shown by its number, as in HAProxy's lines. */
const shown = (text: string): string =>
  text.replace(/[^\x20-\x7e]|[<>"]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return `<${code.padStart(2, '0')}>`;
  });

/** Under `option log-health-checks` the check's own line has just said why. */
const reasonOnce = (server: Server): string =>
  server.backend.config.options.logHealthChecks || !server.lastOutcome
    ? ''
    : reason(server.lastOutcome);

const why = (server: Server, cause: TurnCause): string =>
  cause === 'order' ? ', changed from CLI' : reasonOnce(server);

/**
 * What HAProxy logs of a server that has turned, and how severe that is: nobody is alarmed where it
 * got no new sessions before.
 */
export function turned(
  server: Server,
  requeued: number,
  cause: TurnCause,
  wasLeaving: boolean,
): [Level, string] {
  const level = server.running || wasLeaving ? 'notice' : 'alert';
  switch (cause) {
    case 'check':
    case 'order':
      return [
        level,
        server.running ? isUp(server, requeued, cause) : isDown(server, requeued, cause),
      ];
    case 'tracking':
      return [level, follows(server, requeued)];
    case 'maintenance':
      return wasDown(server)
        ? ['notice', `${subject(server)} was DOWN and now enters maintenance.`]
        : [level, `${subject(server)} is going DOWN for maintenance.${numbers(server, requeued)}`];
    case 'drain':
      return ['notice', `${subject(server)} enters drain state.${numbers(server, requeued)}`];
    case 'drain-from-maint':
      return ['notice', `${subject(server)} is ${upOrDown(server)}/DRAIN (${LEAVING}maintenance).`];
    case 'ready-from-maint':
      return ['notice', `${subject(server)} is ${upOrDown(server)}/READY (${LEAVING}maintenance).`];
    case 'ready-from-drain':
      return ['notice', `${subject(server)} is ${upOrDown(server)} (${LEAVING}drain).`];
  }
}

const LEAVING = 'leaving forced ';
const subject = (server: Server): string => `${title(server)} ${fullName(server)}`;
const upOrDown = (server: Server): string => (server.running ? 'UP' : 'DOWN');

/** `Server x/y is UP, reason: …` (or `is stopping`). */
function isUp(server: Server, requeued: number, cause: TurnCause): string {
  const what = server.state === 'stopping' ? 'stopping' : 'UP';
  return `${subject(server)} is ${what}${why(server, cause)}.${numbers(server, requeued)}`;
}

function follows(server: Server, requeued: number): string {
  const { tracked, running, state } = server;
  const via = tracked ? ` via ${fullName(tracked)}` : '';
  const what = !running ? 'DOWN' : state === 'stopping' ? 'stopping' : 'UP';
  return `${subject(server)} is ${what}${via}.${numbers(server, requeued)}`;
}

function isDown(server: Server, requeued: number, cause: TurnCause): string {
  return `${subject(server)} is DOWN${why(server, cause)}.${numbers(server, requeued)}`;
}

/** Whether a turn came from what it can do, and not from what it was told to do. */
export const isOfHealth = (cause: TurnCause): boolean =>
  cause === 'check' || cause === 'order' || cause === 'tracking';

/** Health does not bring a server back that was told to drain. */
export const staysInDrain = (server: Server): string =>
  `${subject(server)} remains in forced drain mode.`;

const wasDown = (server: Server): boolean =>
  server.health === 0 && server.config.check !== undefined;

/** Who is left, and what became of those who waited. */
function numbers(server: Server, requeued: number): string {
  const { backend, running } = server;
  const online = running ? 'online' : 'left';
  const queued = backend.queue.length;
  const sessions = running
    ? `${requeued} sessions requeued, ${queued} total in queue.`
    : `${server.cur} sessions active, ${requeued} requeued, ${queued} remaining in queue.`;
  return (
    ` ${backend.active} active and ${backend.backups} backup servers ${online}.` +
    `${backend.usable && backend.active === 0 ? ' Running on backup.' : ''} ${sessions}`
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
  const { health, checkStatus, checkCode: code, checkInfo: info, checkDuration: duration } = server;
  const up = health >= check.rise;
  const score = up ? `${health - check.rise + 1}/${check.fall}` : `${health}/${check.rise}`;
  const word = up ? (server.weight > 0 ? 'UP' : 'DRAIN') : 'DOWN';
  const which = server.config.backup ? 'backup ' : '';
  return (
    `Health check for ${which}server ${fullName(server)} ${VERDICTS[verdict]}` +
    `${reason({ status: checkStatus, code, info, duration })}, status: ${score} ${word}.`
  );
}

/** The same for its agent. */
export function agentResult(server: Server): string {
  const { agent } = server;
  if (!agent) return '';
  const word = agent.up ? (server.weight > 0 ? 'UP' : 'DRAIN') : 'DOWN';
  const which = server.config.backup ? 'backup ' : '';
  return (
    `Agent check for ${which}server ${fullName(server)} ${VERDICTS[agent.passed ? 'passed' : 'failed']}` +
    `${reason(agent)}, status: ${agent.up ? 1 : 0}/1 ${word}.`
  );
}
