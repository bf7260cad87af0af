import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { NatsLogin } from '../render/nats.ts';

/** Streams of ours are called so; there are no others that we touch. */
export const STREAM_PREFIX = 'BRAMBLE_';

/** A connection to the nats-server of this node, and what manages its streams. */
export interface Engine {
  nats: NatsConnection;
  manager: JetStreamManager;
  [Symbol.asyncDispose](): Promise<void>;
}

const CONNECT_TIMEOUT = 5_000;
/** JetStream without a leader does not answer at all, milliseconds. */
const ANSWER_TIMEOUT = 10_000;

/** Rejects with ENGINE_UNAVAILABLE. */
export async function openEngine(url: string, login: NatsLogin): Promise<Engine> {
  try {
    const nats = await connect({
      servers: url,
      user: login.user,
      pass: login.password,
      name: 'bramble-command',
      reconnect: false,
      ignoreClusterUpdates: true,
      timeout: CONNECT_TIMEOUT,
    });
    const manager = await jetstreamManager(nats, { timeout: ANSWER_TIMEOUT, checkAPI: false });
    return { nats, manager, [Symbol.asyncDispose]: () => nats.close() };
  } catch (cause) {
    throw unavailable(
      `nats-server of this node does not let us in: ${describeError(cause)}`,
      cause,
    );
  }
}

/** Names of the cluster's streams, sorted. Rejects with ENGINE_UNAVAILABLE. */
export async function streamNames({ manager }: Engine): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const name of manager.streams.names()) {
      if (name.startsWith(STREAM_PREFIX)) names.push(name);
    }
  } catch (cause) {
    throw refused('to tell its streams', cause);
  }
  return names.sort();
}

/** What JetStream's client could not have done, as an error of ours. */
export function refused(what: string, cause: unknown): BrambleError {
  return unavailable(`JetStream does not manage ${what}: ${describeError(cause)}`, cause);
}

interface ApiAnswer {
  error?: { code: number; err_code?: number; description: string };
}

/** Asks JetStream something that the client library has no call for. Rejects with ENGINE_UNAVAILABLE. */
export async function askApi<T extends object>(
  nats: NatsConnection,
  subject: string,
  question: object,
  timeout = ANSWER_TIMEOUT,
): Promise<T> {
  let answer: T & ApiAnswer;
  try {
    const reply = await nats.request(subject, JSON.stringify(question), { timeout });
    answer = reply.json<T & ApiAnswer>();
  } catch (cause) {
    throw unavailable(`JetStream does not answer ${subject}: ${describeError(cause)}`, cause);
  }
  if (answer.error === undefined) return answer;
  const { description, err_code } = answer.error;
  throw Object.assign(unavailable(`JetStream refuses ${subject}: ${description}`), {
    refusal: err_code,
  });
}

/** JetStream's own code in what askApi has thrown. */
export function refusal(error: unknown): number | undefined {
  return (error as { refusal?: number }).refusal;
}

export function unavailable(message: string, cause?: unknown): BrambleError {
  const options = cause === undefined ? {} : { cause };
  return new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, message, options);
}
