import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type WatchdogStatus, watchdogStatusSchema } from '#core/contracts/status.ts';
import type { VirtualPi } from './virtual-pi.ts';

const OWN = '/etc/bramble-test/watchdog.yaml';
const TIMEOUT = 3_000;

/** Has a node's watchdog run with more lines in its file, from now on and after each start. */
export async function configureWatchdog(pi: VirtualPi, more: string): Promise<void> {
  const rendered = await readFile(pi.file('etc/bramble/watchdog.yaml'), 'utf8');
  await put(pi, OWN, `${rendered}\n${more}`);
  const unit = await pi.exec('systemctl', 'cat', 'bramble-watchdog.service');
  const [, command] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
  await dropIn(
    pi,
    'bramble-watchdog',
    `ExecStart=\nExecStart=${command?.replace(/--config \S+/, `--config ${OWN}`)}`,
  );
  await pi.exec('systemctl', 'restart', 'bramble-watchdog.service');
}

/** More lines for a service's unit; '' takes them away. */
export async function dropIn(pi: VirtualPi, service: string, lines: string): Promise<void> {
  await put(pi, `/etc/systemd/system/${service}.service.d/test.conf`, `[Service]\n${lines}\n`);
  await pi.exec('systemctl', 'daemon-reload');
}

async function put(pi: VirtualPi, name: string, text: string): Promise<void> {
  const file = pi.file(name.slice(1));
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}

/** What the watchdog of a node says, on its page; undefined while it does not answer. */
export async function watchdogOf(pi: VirtualPi): Promise<WatchdogStatus | undefined> {
  const body = await get(pi, 'api/node/watchdog');
  return body === undefined ? undefined : watchdogStatusSchema.parse(body);
}

/** What the page of a node tells in its timeline since then: `subject text`, newest first. */
export async function timelineOf(pi: VirtualPi, since = 0): Promise<string[]> {
  const { events = [] } =
    ((await get(pi, 'api/events')) as {
      events?: { at: number; subject: string; text: string }[];
    }) ?? {};
  return events.filter(({ at }) => at >= since).map(({ subject, text }) => `${subject} ${text}`);
}

/** What the page of a node says is wrong now: `subject text`. */
export async function problemsOf(pi: VirtualPi): Promise<string[]> {
  const { health } =
    ((await get(pi, 'api/cluster')) as {
      health?: { problems: { subject: string; text: string }[] };
    }) ?? {};
  return (health?.problems ?? []).map(({ subject, text }) => `${subject} ${text}`);
}

async function get(pi: VirtualPi, name: string): Promise<unknown> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    const headers = { connection: 'close' };
    const response = await fetch(`http://${pi.address}/${name}`, { signal, headers });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
