import type { SavedStand } from '../servers/admin-state.ts';
import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import { verdictOf } from '../servers/types.ts';

/** One line of a state file, version 1 (management guide, `show servers state`). */
export interface SavedServer {
  backend: string;
  name: string;
  address: string;
  port: number;
  /** 0 down, 1 starting, 2 running, 3 stopping. */
  operational: number;
  /** Bits: 1 forced maintenance, 2 inherited, 4 configured, 8 forced drain, 16 inherited. */
  administrative: number;
  userWeight: number;
  initialWeight: number;
  /** Seconds since its last change. */
  sinceChange: number;
  health: number;
}

const VERSION = '1';
/** What HAProxy shows for one without checks that serves: its default `rise`. */
const UNCHECKED_HEALTH = 2;
/** Columns in their order. */
const FIELDS = (
  'be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight ' +
  'srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state ' +
  'srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl ' +
  'srv_check_port srv_check_addr srv_agent_addr srv_agent_port'
).split(' ');
const PORT_FIELD = FIELDS.indexOf('srv_port');

const FORCED_MAINT = 0x01;
const INHERITED_MAINT = 0x02;
const CONFIGURED_MAINT = 0x04;
const FORCED_DRAIN = 0x08;
const INHERITED_DRAIN = 0x10;

/** Reads a file; lines that are none of ours are left out, and another version is none at all. */
export function parseStates(text: string): SavedServer[] {
  const lines = text.split('\n');
  if (lines[0]?.trim() !== VERSION) return [];
  return lines.slice(1).flatMap((line) => {
    if (line.startsWith('#')) return [];
    const words = line.trim().split(/\s+/);
    const numbers = [2, 5, 6, 7, 8, 9, 10, 11, 12, 13, PORT_FIELD].map((at) => Number(words[at]));
    if (words.length < PORT_FIELD + 1 || numbers.some((value) => !Number.isSafeInteger(value))) {
      return [];
    }
    return [
      {
        backend: words[1]!,
        name: words[3]!,
        address: words[4]!,
        port: Number(words[PORT_FIELD]),
        operational: Number(words[5]),
        administrative: Number(words[6]),
        userWeight: Number(words[7]),
        initialWeight: Number(words[8]),
        sinceChange: Math.max(0, Number(words[9])),
        health: Number(words[12]),
      },
    ];
  });
}

const STANDS: readonly SavedStand[] = ['down', 'starting', 'running', 'stopping'];

/** Puts servers where a former process left them, before anything of them is used. */
export function restoreStates(backend: Backend, saved: readonly SavedServer[], now: number): void {
  for (const state of saved) {
    const server = backend.servers.find(({ config }) => config.name === state.name);
    if (server) restore(server, state, now);
  }
}

function restore(server: Server, state: SavedServer, now: number): void {
  // A weight that was changed by hand holds unless the file says otherwise by now.
  if (state.initialWeight === server.config.weight) server.setWeight(state.userWeight);
  const { administrative } = state;
  // What the configuration had ordered is for the present one to order.
  const admin =
    (administrative & (FORCED_MAINT | CONFIGURED_MAINT)) === FORCED_MAINT
      ? 'maint'
      : (administrative & FORCED_DRAIN) !== 0
        ? 'drain'
        : undefined;
  // What is in maintenance is down for no other reason.
  const maintained = (administrative & (FORCED_MAINT | CONFIGURED_MAINT)) !== 0;
  server.restore({
    admin,
    stood: maintained ? 'running' : (STANDS[state.operational] ?? 'running'),
    lastChange: now - state.sinceChange * 1000,
  });
}

/** HAProxy's numbers for results: 0 unknown, 2 failed, 3 passed, 4 conditionally. */
const RESULTS = { failed: 2, passed: 3, conditional: 4 } as const;
/** Its numbers for `check_status`, in the order of its enumeration. */
const STATUS_NUMBERS = (
  'UNK INI STARTED CHECKED HANA SOCKERR L4OK L4TOUT L4CON L6OK L6TOUT L6RSP L7TOUT L7RSP L7OK L7OKC ' +
  'L7STS PROCERR PROCTOUT PROCOK'
).split(' ');

/** `show servers state`: the file that `load-server-state-from-file` reads. */
export function formatStates(backends: readonly Backend[], now: number = Date.now()): string {
  const lines = backends.flatMap((backend) => backend.servers.map((one) => lineOf(one, now)));
  return `${[VERSION, `# ${FIELDS.join(' ')}`, ...lines].join('\n')}\n`;
}

function lineOf(server: Server, now: number): string {
  const { config, backend, agent } = server;
  const { check } = config;
  const operational = !server.running ? 0 : server.state === 'stopping' ? 3 : 2;
  const status = server.checkStatus;
  const unknown = status === 'UNK' || status === 'INI';
  const disabled = config.disabled && !server.dynamic;
  // Configured and enabled; paused while in maintenance.
  const paused = server.state === 'maint' && (check !== undefined || disabled);
  const checkState = (check ? 6 : 0) + (paused ? 8 : 0);
  const health = check
    ? server.health
    : server.running
      ? (server.config.rise ?? UNCHECKED_HEALTH)
      : 0;
  const agentState = agent ? 6 + 16 : 0;
  return [
    backend.config.id,
    backend.config.name,
    config.id,
    config.name,
    config.host,
    operational,
    adminBits(server),
    server.weight,
    config.weight,
    Math.floor((now - server.lastChange) / 1000),
    // One without checks is as one before the first.
    STATUS_NUMBERS.indexOf(status === 'UNK' ? 'INI' : status),
    unknown ? 0 : RESULTS[verdictOf(status)],
    health,
    checkState,
    agentState,
    0,
    0,
    '-',
    config.port,
    '-',
    config.tls ? 1 : config.tlsRefused ? -1 : 0,
    check?.port ?? 0,
    check?.addr ?? '-',
    config.health?.agent?.host ?? '-',
    config.health?.agent?.port ?? 0,
  ].join(' ');
}

function adminBits(server: Server): number {
  const { admin, tracked, config } = server;
  let bits = 0;
  if (admin === 'maint') bits |= FORCED_MAINT;
  if (admin === 'maint' && config.disabled && !server.dynamic) bits |= CONFIGURED_MAINT;
  if (admin === 'drain') bits |= FORCED_DRAIN;
  if (tracked?.state === 'maint') bits |= INHERITED_MAINT;
  if (tracked?.state === 'drain') bits |= INHERITED_DRAIN;
  return bits;
}
