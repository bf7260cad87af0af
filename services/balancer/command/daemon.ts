import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';

/** Tells a process that it is the background half, and where its report goes. */
const REPORT_VARIABLE = 'BRAMBLE_DAEMON_REPORT';
const REPORT_DESCRIPTOR = 3;
/** Ends a report of success. No message can be this line. */
const READY = '\0ready\n';

/** The descriptor that we report our start on, when we are the background half. */
export function reportDescriptor(): number | undefined {
  return process.env[REPORT_VARIABLE] === undefined ? undefined : REPORT_DESCRIPTOR;
}

/** Says that we listen; the half that waits for it then ends. */
export function reportReady(descriptor: number): void {
  delete process.env[REPORT_VARIABLE];
  writeSync(descriptor, READY);
  closeSync(descriptor);
}

/**
 * Starts this program once more in the background, in a session of its own and with nothing open
 * that is ours. Resolves with true once that one listens, with false when it ended instead;
 * meanwhile its messages go to `say`.
 */
export async function startInBackground(say: (text: string) => void): Promise<boolean> {
  const child = spawn(process.execPath, process.argv.slice(1), {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, [REPORT_VARIABLE]: String(REPORT_DESCRIPTOR) },
  });
  child.unref();
  const report = child.stdio[REPORT_DESCRIPTOR];
  if (!report) return false;
  let text = '';
  report.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) if (`${line}\n` !== READY) say(`${line}\n`);
    ready ||= lines.some((line) => `${line}\n` === READY);
  });
  let ready = false;
  await once(report, 'close');
  return ready;
}
