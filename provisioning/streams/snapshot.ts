import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { StreamConfig } from '@nats-io/jetstream';
import { createInbox } from '@nats-io/transport-node';
import { asBuffer } from '#core/jetstream/bus.ts';
import { askApi, type Engine, unavailable } from './engine.ts';

/** What a stream held when it was copied, as JetStream tells it. */
export interface StreamState {
  messages: number;
  bytes: number;
  first_seq: number;
  last_seq: number;
}

/** A copy of a stream: what it was, and what restores it. */
export interface StreamCopy {
  config: StreamConfig;
  state: StreamState;
}

const CHUNK = 128 << 10;
/** Longest silence of a server that is copying, milliseconds. */
const SILENCE = 30_000;

/**
 * Writes a consistent copy of a stream to a file while it is in use (NATS ADR-1: the stream snapshot
 * API). Rejects with ENGINE_UNAVAILABLE, or what the file system says.
 */
export async function snapshotStream(
  { nats }: Engine,
  stream: string,
  file: string,
): Promise<StreamCopy> {
  const deliver_subject = createInbox();
  const subscription = nats.subscribe(deliver_subject);
  const out = createWriteStream(file, { mode: 0o600, flush: true });
  // Awaited at the end; until then an early fault must not go unheard.
  const written = finished(out);
  written.catch(() => {});
  try {
    const question = { deliver_subject, no_consumers: true, chunk_size: CHUNK };
    const copy = await askApi<StreamCopy>(nats, `$JS.API.STREAM.SNAPSHOT.${stream}`, question);
    const chunks = subscription[Symbol.asyncIterator]();
    for (;;) {
      const { value: message, done } = await within(chunks.next(), stream);
      if (done) throw unavailable(`the copy of ${stream} broke off`);
      const status = message.headers?.code ?? 0;
      if (message.data.length === 0) {
        if (status >= 400) {
          throw unavailable(`the copy of ${stream} broke off: ${message.headers?.description}`);
        }
        break;
      }
      if (!out.write(asBuffer(message.data))) await once(out, 'drain');
      // The server sends on when it hears that this one has come.
      message.respond();
    }
    out.end();
    await written;
    return { config: copy.config, state: copy.state };
  } finally {
    subscription.unsubscribe();
    out.destroy();
  }
}

/**
 * Makes a stream of a copy, on one server: what is to have more replicas gets them afterwards. One
 * that is restored with several counts as unhealthy on the server that took the copy, for as long as
 * that runs (nats-server 2.10: no mark that its monitor runs). Its name must be free. Rejects with
 * ENGINE_UNAVAILABLE.
 */
export async function restoreStream(
  { nats }: Engine,
  file: string,
  copy: StreamCopy,
): Promise<void> {
  // Where it stood before are other machines.
  const { placement: _, ...kept } = copy.config;
  const config = { ...kept, num_replicas: 1 };
  const subject = `$JS.API.STREAM.RESTORE.${config.name}`;
  const question = { config, state: copy.state };
  const { deliver_subject } = await askApi<{ deliver_subject: string }>(nats, subject, question);
  for await (const part of createReadStream(file, { highWaterMark: CHUNK })) {
    const answer = await nats.request(deliver_subject, part as Buffer, { timeout: SILENCE });
    if (answer.data.length > 0) refuse(config.name, answer.string());
  }
  const answer = await nats.request(deliver_subject, '', { timeout: SILENCE });
  if (answer.data.length > 0) refuse(config.name, answer.string());
}

function refuse(stream: string, text: string): void {
  const { error } = JSON.parse(text) as { error?: { description: string } };
  if (error !== undefined) throw unavailable(`${stream} cannot be restored: ${error.description}`);
}

async function within<T>(promise: Promise<T>, stream: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable(`the copy of ${stream} does not go on`)), SILENCE);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
