import { execFile } from 'node:child_process';

/** States of sd_notify(3) that we send. */
export type SystemdState = 'READY=1' | 'STOPPING=1' | 'WATCHDOG=1' | `STATUS=${string}`;

/**
 * Tells systemd about us, where it asked to be told (NOTIFY_SOCKET set); elsewhere does nothing.
 * Node has no unix-datagram sockets, so the message goes through systemd-notify(1), which needs
 * `NotifyAccess=all` in the unit.
 */
export function notifySystemd(state: SystemdState): void {
  if (!process.env.NOTIFY_SOCKET) return;
  // Not awaited and errors ignored: a service must not depend on being watched.
  execFile('systemd-notify', [state], () => undefined);
}

/**
 * How often to ping, in milliseconds: half of what systemd allows, or undefined when the unit has
 * no WatchdogSec.
 */
export function watchdogInterval(): number | undefined {
  const usec = Number(process.env.WATCHDOG_USEC);
  return Number.isFinite(usec) && usec > 0 ? usec / 2000 : undefined;
}
