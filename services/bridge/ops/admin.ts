import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { bearsToken, readJson } from '#core/admin-request.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Mappings } from '../mappings.ts';
import type { DryRun } from './dry-run.ts';

export interface AdminOptions {
  mappings: Mappings;
  dryRun: DryRun;
  /** Undefined: nobody may use it. */
  token: string | undefined;
  log: Logger;
}

interface Answer {
  status: number;
  body: unknown;
}

const BODY_MAX = 65_536;
const replaySchema = z.strictObject({
  from: z.union([z.literal('earliest'), z.literal('latest'), z.number().int().positive()]),
});

/**
 * `/admin/mappings/NAME/pause`, `/resume` and `/replay` (`{ from }`: `earliest`, `latest` or
 * milliseconds since the epoch), `/admin/dry-run`; POST, with a bearer token (RFC 6750, 2.1). What
 * is asked of one bridge holds for all.
 */
export class Admin {
  readonly #options: AdminOptions;

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request);
    if (response.destroyed) return;
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    });
    response.end(`${JSON.stringify(body)}\n`);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    if (!bearsToken(request.headers.authorization, this.#options.token)) {
      return { status: 401, body: { error: 'a bearer token is needed' } };
    }
    if (request.method !== 'POST') return { status: 405, body: { error: 'use POST' } };
    try {
      const [, , room, name, action] = (request.url ?? '').split('?', 1)[0]!.split('/');
      const body = (await readJson(request, BODY_MAX)) ?? {};
      if (room === 'dry-run') return { status: 200, body: await this.#options.dryRun.run(body) };
      if (room !== 'mappings') return { status: 404, body: { error: 'unknown' } };
      return await this.#change(decodeURIComponent(name ?? ''), action, body);
    } catch (error) {
      const wrong =
        error instanceof z.ZodError ||
        error instanceof SyntaxError ||
        error instanceof RangeError ||
        error instanceof URIError;
      const text = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error);
      if (!wrong) this.#options.log.error({ err: error }, 'an admin request failed');
      return { status: wrong ? 400 : 503, body: { error: text } };
    }
  }

  async #change(name: string, action: string | undefined, body: unknown): Promise<Answer> {
    const one = this.#options.mappings.toKafka.get(name);
    if (one === undefined) return { status: 404, body: { error: `no mapping "${name}" to Kafka` } };
    switch (action) {
      case 'pause':
        await one.control.ask({ paused: true });
        break;
      case 'resume':
        await one.control.ask({ paused: false });
        break;
      case 'replay':
        await one.control.ask({ replay: replaySchema.parse(body).from });
        break;
      default:
        return { status: 404, body: { error: 'known: pause resume replay' } };
    }
    return { status: 200, body: { done: true } };
  }
}
