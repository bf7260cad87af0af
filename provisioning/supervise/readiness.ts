import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until a process that was just started can serve. Rejects only through the signal, which
 * fires when the process ends.
 */
export type Readiness = (child: ChildProcess, signal: AbortSignal) => Promise<void>;

/** Our own services say so over IPC (core/lifecycle.ts). */
export const readyByMessage: Readiness = (child, signal) =>
  new Promise((resolve, reject) => {
    const settle = (done: () => void) => {
      child.off('message', onMessage);
      signal.removeEventListener('abort', onAbort);
      done();
    };
    const onMessage = (message: unknown) => {
      if ((message as { event?: unknown } | null)?.event === 'ready') settle(resolve);
    };
    const onAbort = () => settle(() => reject(signal.reason));
    child.on('message', onMessage);
    signal.addEventListener('abort', onAbort);
  });

/** Time between two questions, and how long an answer may take, milliseconds. */
const ASK_EVERY = 25;
const ANSWER_WITHIN = 2000;

/** Others are asked over HTTP until the answer is a good one (2xx). */
export function readyByHttp(url: string): Readiness {
  return async (_child, signal) => {
    for (;;) {
      signal.throwIfAborted();
      if (await answers(url, signal)) return;
      await sleep(ASK_EVERY, undefined, { signal });
    }
  };
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]);
    const response = await fetch(url, { signal: limit });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Those that have nothing to ask are ready when they listen. */
export function readyByPort(host: string, port: number): Readiness {
  return async (_child, signal) => {
    for (;;) {
      signal.throwIfAborted();
      if (await listens(host, port)) return;
      await sleep(ASK_EVERY, undefined, { signal });
    }
  };
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.setTimeout(ANSWER_WITHIN, () => socket.destroy());
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
