import type { Frontend } from '../listeners/frontend.ts';
import { Listener, type ListenerDeps } from '../listeners/listener.ts';
import type { BindConfig } from '../model.ts';

/** What a bind's socket is made of: binds that agree here can take it over from each other. */
function socketKey({ host, port, fd, backlog, ipv6Only, owner }: BindConfig): string {
  return JSON.stringify([host || '0.0.0.0', port, fd, backlog, ipv6Only ?? false, owner]);
}

/** A bind of the next configuration, and the socket that it can take over. */
interface Wanted {
  readonly bind: BindConfig;
  readonly frontend: Frontend;
  readonly deps: ListenerDeps;
  readonly listener: Listener;
  readonly kept: boolean;
}

/**
 * The difference between the sockets that are open and those that are wanted. Nothing is touched
 * until `apply`; `open` may fail, and then leaves everything as it was.
 */
export class ListenerChange {
  readonly #wanted: readonly Wanted[];
  readonly #leaving: readonly Listener[];

  constructor(
    open: readonly Listener[],
    frontends: readonly Frontend[],
    depsFor: (frontend: Frontend, takeover: boolean) => ListenerDeps,
    serves: (bind: BindConfig) => boolean = () => true,
  ) {
    const free = new Map<string, Listener[]>();
    for (const listener of open) {
      if (!listener.listening) continue;
      const key = socketKey(listener.bind);
      free.set(key, [...(free.get(key) ?? []), listener]);
    }
    const ports = new Set(open.map(({ bind }) => bind.port));
    this.#wanted = frontends.flatMap((frontend) =>
      frontend.config.binds.filter(serves).map((bind): Wanted => {
        const kept = free.get(socketKey(bind))?.shift();
        // A port of ours on another address, or with other settings, is shared for the moment.
        const deps = depsFor(frontend, ports.has(bind.port));
        const listener = kept ?? new Listener(bind, frontend, deps);
        return { bind, frontend, deps, listener, kept: kept !== undefined };
      }),
    );
    const staying = new Set(this.#wanted.map(({ listener }) => listener));
    this.#leaving = open.filter((listener) => !staying.has(listener));
  }

  /** Every listener from now on. */
  get listeners(): Listener[] {
    return this.#wanted.map(({ listener }) => listener);
  }

  /** Opens what is not open yet; rejects with what could not be had, having closed the rest. */
  async open(): Promise<void> {
    const added = this.#wanted.filter(({ kept }) => !kept);
    const results = await Promise.allSettled(added.map(({ listener }) => listener.start()));
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (failures.length === 0) return;
    await Promise.all(added.map(({ listener }) => listener.close()));
    throw new AggregateError(failures);
  }

  /** Sends who comes from now on to the next configuration. */
  apply(): void {
    for (const { listener, bind, frontend, deps, kept } of this.#wanted) {
      if (kept) listener.serve(bind, frontend, deps);
      else listener.open();
    }
  }

  /** Closes what nobody wants any more. */
  async closeOthers(): Promise<void> {
    await Promise.all(this.#leaving.map((listener) => listener.close()));
  }
}
