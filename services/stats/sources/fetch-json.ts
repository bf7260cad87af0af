import http from 'node:http';
import type { z } from 'zod';
import { BrambleError, describeError, ERROR_CODES, systemCode } from '#core/errors.ts';

/** More than any status body of ours; what is larger is not one. */
const MAX_BODY = 4 << 20;

/**
 * Gets and validates one JSON document. Plain node:http with a shared keep-alive agent costs a
 * third of the memory of `fetch`, which counts on a Pi.
 *
 * The message of every error is what the peer does, for a sentence that begins with its name.
 * Rejects with BrambleError ENGINE_UNAVAILABLE when there is no answer, PROTOCOL when the answer
 * is not what the schema says.
 */
export async function fetchJson<S extends z.ZodType>(
  url: URL,
  schema: S,
  agent: http.Agent,
  signal: AbortSignal,
): Promise<z.output<S>> {
  const text = await fetchText(url, agent, signal);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.PROTOCOL, 'answers, but no JSON', { cause });
  }
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join('.') ?? '';
  throw new BrambleError(ERROR_CODES.PROTOCOL, `answers unexpectedly: ${where} ${issue?.message}`);
}

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'host name unknown',
};

function inWords(error: unknown): string {
  return WORDS[systemCode(error) ?? ''] ?? describeError(error);
}

/** As fetchJson, whatever the text is. */
export function fetchText(url: URL, agent: http.Agent, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const unavailable = (cause: unknown) => {
      const why = signal.aborted ? describeError(signal.reason) : inWords(cause);
      const message = `does not answer: ${why}`;
      reject(new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, message, { cause }));
    };
    const request = http.get(url, { agent, signal }, (response) => {
      const { statusCode } = response;
      if (statusCode !== 200) {
        response.resume();
        reject(new BrambleError(ERROR_CODES.PROTOCOL, `answers with status ${statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BODY) {
          reject(new BrambleError(ERROR_CODES.LIMIT, `answers with over ${MAX_BODY} bytes`));
          request.destroy();
        } else chunks.push(chunk);
      });
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      response.on('error', unavailable);
    });
    request.on('error', unavailable);
  });
}
