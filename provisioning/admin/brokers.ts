import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import { loadCluster } from '#core/config/cluster.ts';
import { loadYamlFile } from '#core/config/yaml-file.ts';
import { brokerConfigSchema } from '#core/contracts/service-config.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';

/** One broker's `/admin/`. */
export interface AdminTarget {
  node: string;
  /** `http://127.0.0.1:21892` */
  url: string;
  token: string;
}

/** Longest wait for one answer, milliseconds. */
const TIMEOUT = 5_000;
const RENDERED = /^broker(-\d+)?\.yaml$/;

/**
 * The brokers that a folder of rendered files describes and that cluster.yaml still names: the
 * running cluster of `bramble dev`, or this node's broker on a Pi. Throws ConfigError, or USAGE
 * where there is no such folder.
 */
export function findBrokers(data: string): AdminTarget[] {
  const rendered = path.resolve(data, 'rendered');
  let names: string[];
  try {
    names = readdirSync(rendered).filter((name) => RENDERED.test(name));
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.USAGE, `no cluster in ${path.resolve(data)}`, {
      cause,
      hint: 'start one with: bramble dev; or name its folder with --data DIR',
    });
  }
  const targets: AdminTarget[] = [];
  for (const name of names.sort()) {
    const config = loadYamlFile(path.join(rendered, name), brokerConfigSchema);
    const { nodes } = loadCluster(config.cluster);
    if (config.admin === undefined || !nodes.some((node) => node.name === config.node)) continue;
    const { node, listen, admin } = config;
    const { host, port } = listen.health;
    const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    // The first of several workers answers for all of its node.
    targets.push({ node, url: `http://${authority}`, token: admin.token });
  }
  return targets;
}

export interface AskOptions {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
}

/**
 * Asks one broker. Undefined: it does not answer, or does not know the thing (404). Throws PROTOCOL
 * with its own words when it refuses.
 */
export async function ask<S extends z.ZodType>(
  target: AdminTarget,
  path: string,
  schema: S,
  { method = 'GET', body }: AskOptions = {},
): Promise<z.output<S> | undefined> {
  let response: Response;
  try {
    response = await fetch(`${target.url}/admin/${path}`, {
      method,
      headers: { authorization: `Bearer ${target.token}`, connection: 'close' },
      signal: AbortSignal.timeout(TIMEOUT),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    return undefined;
  }
  if (response.status === 404) return undefined;
  const answer = (await response.json()) as { error?: string };
  if (!response.ok) {
    throw new BrambleError(ERROR_CODES.PROTOCOL, `broker of ${target.node}: ${answer.error}`);
  }
  return schema.parse(answer);
}

/** Asks all brokers at once. Throws PROCESS_EXITED when none of them answers. */
export async function askAll<S extends z.ZodType>(
  targets: readonly AdminTarget[],
  path: string,
  schema: S,
): Promise<{ target: AdminTarget; answer: z.output<S> }[]> {
  const asked = targets.map(async (target) => ({
    target,
    answer: await ask(target, path, schema),
  }));
  const answers = (await Promise.all(asked)).flatMap(({ target, answer }) =>
    answer === undefined ? [] : [{ target, answer }],
  );
  if (answers.length > 0) return answers;
  throw new BrambleError(ERROR_CODES.PROCESS_EXITED, 'no broker of this cluster answers', {
    hint: 'is it running? start it with: bramble dev',
  });
}

/** All rows of a list, page after page, `maximum` at most. */
export async function allRows<R>(
  target: AdminTarget,
  path: string,
  schema: z.ZodType<{ rows: R[]; next?: number | undefined }>,
  maximum: number,
): Promise<R[] | undefined> {
  const rows: R[] = [];
  const separator = path.includes('?') ? '&' : '?';
  for (let from = 0; ; ) {
    const page = await ask(target, `${path}${separator}from=${from}&limit=${PAGE}`, schema);
    if (page === undefined) return from === 0 ? undefined : rows;
    rows.push(...page.rows);
    if (page.next === undefined || rows.length >= maximum) return rows.slice(0, maximum);
    from = page.next;
  }
}

const PAGE = 500;
