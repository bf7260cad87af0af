import { readdirSync } from 'node:fs';
import path from 'node:path';
import { loadYamlFile } from '#core/config/yaml-file.ts';
import { type BridgeStatus, bridgeStatusSchema } from '#core/contracts/bridge.ts';
import { bridgeConfigSchema } from '#core/contracts/service-config.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';

/** One bridge's health port. */
export interface BridgeTarget {
  node: string;
  url: string;
  token: string | undefined;
  /** Its cluster.yaml. */
  cluster: string;
}

const TIMEOUT = 70_000;
const STATUS_TIMEOUT = 3_000;
const RENDERED = /^bridge(-\d+)?\.yaml$/;

/** The bridges that a folder of rendered files describes. Throws ConfigError or USAGE. */
export function findBridges(data: string): BridgeTarget[] {
  const rendered = path.resolve(data, 'rendered');
  let names: string[] = [];
  try {
    names = readdirSync(rendered).filter((name) => RENDERED.test(name));
  } catch {
    // The same as none.
  }
  if (names.length === 0) {
    throw new BrambleError(ERROR_CODES.USAGE, `no bridge in ${path.resolve(data)}`, {
      hint: 'cluster.yaml wants a "bridge" part; or start one with: bramble dev --kafka',
    });
  }
  return names.sort().map((name) => {
    const { node, health, admin, cluster } = loadYamlFile(
      path.join(rendered, name),
      bridgeConfigSchema,
    );
    const { host, port } = health;
    const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return { node, url: `http://${authority}`, token: admin?.token, cluster };
  });
}

/** What each bridge that answers tells of itself. Throws PROCESS_EXITED when none does. */
export async function askBridges(targets: readonly BridgeTarget[]): Promise<BridgeStatus[]> {
  const answers = await Promise.all(
    targets.map(async ({ url }) => {
      try {
        const response = await fetch(`${url}/status`, {
          signal: AbortSignal.timeout(STATUS_TIMEOUT),
        });
        return bridgeStatusSchema.parse(await response.json());
      } catch {
        return undefined;
      }
    }),
  );
  const found = answers.filter((answer) => answer !== undefined);
  if (found.length > 0) return found;
  throw new BrambleError(ERROR_CODES.PROCESS_EXITED, 'no bridge of this cluster answers', {
    hint: 'is it running? see its log',
  });
}

/** Asks the first bridge that answers. Throws PROTOCOL with its own words when it refuses. */
export async function tellBridge(
  targets: readonly BridgeTarget[],
  what: string,
  body: unknown,
): Promise<unknown> {
  for (const { url, token = '' } of targets) {
    let response: Response;
    try {
      response = await fetch(`${url}/admin/${what}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, connection: 'close' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT),
      });
    } catch {
      continue;
    }
    const answer = (await response.json()) as { error?: string };
    if (response.ok) return answer;
    throw new BrambleError(ERROR_CODES.PROTOCOL, answer.error ?? `status ${response.status}`);
  }
  throw new BrambleError(ERROR_CODES.PROCESS_EXITED, 'no bridge of this cluster answers');
}
