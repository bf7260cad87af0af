import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { ProxyConfig } from '../model.ts';
import { createPolicy } from '../policies/create.ts';
import type { Policy } from '../policies/policy.ts';
import type { Server } from './server.ts';

/** With these a queue at the backend means that every server is full, as HAProxy has it. */
const IN_ORDER: ReadonlySet<string> = new Set(['roundrobin', 'static-rr', 'first']);

/**
 * Which server of a backend is next: the algorithm over the usable ones and, while none of these
 * is left, the backups: the first, or all of them (manual, `backup`, `option allbackups`).
 */
export class Selection {
  readonly #config: ProxyConfig;
  readonly #takesTurns: boolean;
  #servers: readonly Server[] = [];
  #policy!: Policy;
  /** Over the backups, where all of them are used. */
  #backupPolicy: Policy | undefined;
  #active = 0;
  #backups = 0;
  #firstBackup: Server | undefined;

  constructor(config: ProxyConfig, servers: readonly Server[]) {
    this.#config = config;
    this.#takesTurns = IN_ORDER.has(config.balance.name);
    this.replace(servers);
  }

  /** Chooses among these from now on. */
  replace(servers: readonly Server[]): void {
    this.#servers = servers;
    this.count();
    this.#policy = this.#policyOf(false);
    this.#backupPolicy = this.#config.allBackups ? this.#policyOf(true) : undefined;
  }

  /** Usable servers, those marked `backup` apart. */
  get active(): number {
    return this.#active;
  }

  get backups(): number {
    return this.#backups;
  }

  get usable(): boolean {
    return this.#active + this.#backups > 0;
  }

  /** Sum of the weights of the servers that balancing uses now. */
  get weight(): number {
    const backup = this.#active === 0;
    if (backup && !this.#backupPolicy) return this.#firstBackup?.weight ?? 0;
    let sum = 0;
    for (const server of this.#servers) {
      if (server.usable && server.config.backup === backup) sum += server.weight;
    }
    return sum;
  }

  /** The algorithm that the server is subject to. */
  policyFor(server: Server): Policy | undefined {
    if (server.config === this.#config.dispatch) return undefined;
    return server.config.backup ? this.#backupPolicy : this.#policy;
  }

  /** Whether balancing uses servers of its kind now. */
  uses(server: Server): boolean {
    if (!server.config.backup) return true;
    return this.#active === 0 && (!this.onlyBackup || server === this.onlyBackup);
  }

  /** The backup that everybody goes to. */
  get onlyBackup(): Server | undefined {
    return this.#active === 0 && !this.#backupPolicy ? this.#firstBackup : undefined;
  }

  /**
   * Whose turn it is, full or not; undefined where any free place would do and none is. `queued`
   * wait for any server. Throws NO_SERVER.
   */
  choose(avoid: Server | undefined, hash: number, queued: number): Server | undefined {
    // Nobody overtakes those who wait for any server.
    if (this.#takesTurns && queued > 0 && !this.onlyBackup) return undefined;
    if (this.#active > 0) return this.#policy.pick(avoid, hash);
    if (!this.#firstBackup) throw this.noServer();
    return this.#backupPolicy ? this.#backupPolicy.pick(avoid, hash) : this.#firstBackup;
  }

  noServer(): BrambleError {
    return new BrambleError(ERROR_CODES.NO_SERVER, `${this.#config.name} has no usable server`);
  }

  /** Some server became usable, or ceased to be. */
  count(): void {
    this.#active = 0;
    this.#backups = 0;
    this.#firstBackup = undefined;
    for (const server of this.#servers) {
      if (!server.usable) continue;
      if (!server.config.backup) this.#active += 1;
      else {
        this.#backups += 1;
        this.#firstBackup ??= server;
      }
    }
  }

  #policyOf(backup: boolean): Policy {
    const { balance, hash } = this.#config;
    const servers = this.#servers.filter((server) => server.config.backup === backup);
    return createPolicy(balance, hash, servers);
  }
}
