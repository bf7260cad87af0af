import type { Endpoint } from '../cluster-lab.ts';
import type { Rotation } from './rotation.ts';
import { type AnyPacket, Wire, type WireOptions } from './wire.ts';

/** Wait between two attempts, milliseconds. */
const RETRY = 100;

export interface ReconnectingOptions extends WireOptions {
  rotation: Rotation;
  /** Where it connects while that node serves. */
  home: Endpoint;
}

export interface ReconnectingHandlers {
  onConnack(sessionPresent: boolean): void;
  onPacket(packet: AnyPacket): void;
}

/** A client that comes back, to another node where its own does not answer, until it is stopped. */
export class Reconnecting {
  readonly #options: ReconnectingOptions;
  readonly #handlers: ReconnectingHandlers;
  #wire: Wire | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;
  /** Connections that were lost after CONNACK. */
  losses = 0;
  /** Why the last one was. */
  lastLoss = '';

  constructor(options: ReconnectingOptions, handlers: ReconnectingHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  get open(): boolean {
    return this.#wire?.open === true;
  }

  /** Where it is connected. */
  get endpoint(): Endpoint | undefined {
    return this.#wire?.endpoint;
  }

  send(packet: Record<string, unknown>): void {
    this.#wire?.send(packet);
  }

  pause(): void {
    this.#wire?.pause();
  }

  resume(): void {
    this.#wire?.resume();
  }

  start(home = this.#options.home): void {
    this.#wanted = true;
    this.#connect(this.#options.rotation.pick(home));
  }

  /** Leaves with DISCONNECT; `start` brings it back. */
  leave(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#wire?.leave();
  }

  #connect(endpoint: Endpoint): void {
    const { rotation } = this.#options;
    let accepted = false;
    const wire: Wire = new Wire(endpoint, this.#options, {
      onConnack: (sessionPresent) => {
        accepted = true;
        this.#handlers.onConnack(sessionPresent);
      },
      onPacket: (packet) => this.#handlers.onPacket(packet),
      onClose: (why) => {
        rotation.detach(wire);
        if (accepted && this.#wanted) {
          this.losses++;
          this.lastLoss = why;
        }
        if (!this.#wanted) return;
        const next = (): void => this.#connect(rotation.pick(undefined, endpoint));
        this.#timer = setTimeout(next, accepted ? 0 : RETRY);
      },
    });
    this.#wire = wire;
    rotation.attach(wire);
  }
}
