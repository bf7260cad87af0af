import type { ClusterConfig } from '#core/config/cluster.ts';
import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import type { Audit } from '../auth/audit.ts';
import type { Doorkeeper } from './arrival.ts';
import type { ListenerOptions } from './listener.ts';
import { TcpListener } from './tcp-listener.ts';
import { TlsAcceptor } from './tls-acceptor.ts';
import { loadTls, type TlsSettings } from './tls-settings.ts';
import type { Transport } from './transport.ts';
import { TrustedAddresses } from './trusted.ts';
import { WebSocketListener } from './websocket-listener.ts';

type Mqtt = ClusterConfig['mqtt'];

export interface ListenersOptions {
  config: BrokerConfig;
  mqtt: Mqtt;
  door: Doorkeeper;
  audit: Audit;
  log: Logger;
  /** Other processes listen on the same ports. */
  shared: boolean;
  onTransport: (transport: Transport) => void;
}

/** A server certificate that ends within this is worth a warning, milliseconds. */
const ENDS_SOON = 14 * 86_400_000;

/** All that a broker listens on for MQTT: TCP, WebSocket, each plain and over TLS. */
export class Listeners implements Service {
  readonly #options: ListenersOptions;
  #limits: Mqtt['limits'];
  readonly #mqtt: TcpListener;
  readonly #websocket: WebSocketListener | undefined;
  readonly #mqttTls: TcpListener | undefined;
  readonly #websocketTls: WebSocketListener | undefined;
  readonly #tls: TlsAcceptor | undefined;

  /** Throws CONFIG_INVALID when the certificates cannot be used. */
  constructor(options: ListenersOptions) {
    this.#options = options;
    const { config, mqtt } = options;
    this.#limits = mqtt.limits;
    const limits = (): Mqtt['limits'] => this.#limits;
    const { listen } = config;
    const wantsTls = listen.mqttTls !== undefined || listen.websocketTls !== undefined;
    this.#tls = wantsTls ? this.#createTls(mqtt) : undefined;
    const trusted = new TrustedAddresses(config.trusted);
    const on = (
      name: string,
      where: { host: string; port: number; proxyProtocol: boolean },
      tls?: TlsAcceptor,
    ): ListenerOptions => ({
      ...where,
      name,
      tls,
      shared: options.shared,
      trusted,
      door: options.door,
      get connectTimeout() {
        return limits().connect;
      },
      get packet() {
        return limits().packet;
      },
      refused: (address, why) => options.audit.refuse('connect', { address, why }),
      onTransport: options.onTransport,
    });
    this.#mqtt = new TcpListener(on('mqtt', listen.mqtt));
    if (listen.websocket !== undefined) {
      this.#websocket = new WebSocketListener(on('ws', listen.websocket));
    }
    if (listen.mqttTls !== undefined) {
      this.#mqttTls = new TcpListener(on('mqtts', listen.mqttTls, this.#tls));
    }
    if (listen.websocketTls !== undefined) {
      const where = on('wss', listen.websocketTls, this.#tls);
      this.#websocketTls = new WebSocketListener(where);
    }
  }

  /** Ports in use, where the configuration left the choice to the system; 0 = not listening. */
  get ports(): { mqtt: number; websocket: number; mqttTls: number; websocketTls: number } {
    return {
      mqtt: this.#mqtt.port,
      websocket: this.#websocket?.port ?? 0,
      mqttTls: this.#mqttTls?.port ?? 0,
      websocketTls: this.#websocketTls?.port ?? 0,
    };
  }

  async start(): Promise<void> {
    for (const listener of this.#all()) await listener.start();
  }

  /** Takes the certificates and the limits as they are now. Throws CONFIG_INVALID and keeps the old ones. */
  reload(mqtt: Mqtt): void {
    if (this.#tls !== undefined) this.#tls.replace(this.#settings(mqtt));
    this.#limits = mqtt.limits;
  }

  async close(): Promise<void> {
    for (const listener of this.#all()) await listener.close();
  }

  destroy(): void {
    for (const listener of this.#all()) listener.destroy();
  }

  #all(): (TcpListener | WebSocketListener)[] {
    const all = [this.#mqtt, this.#websocket, this.#mqttTls, this.#websocketTls];
    return all.filter((listener) => listener !== undefined);
  }

  #createTls(mqtt: Mqtt): TlsAcceptor {
    return new TlsAcceptor({
      settings: this.#settings(mqtt),
      handshakeTimeout: () => this.#limits.connect,
      refused: ({ address }, why) => {
        this.#options.audit.refuse('connect', { address, why: `TLS: ${why}` });
      },
    });
  }

  #settings(mqtt: Mqtt): TlsSettings {
    const { config, log } = this.#options;
    if (mqtt.tls === undefined) {
      const message = `${config.cluster}: mqtt.tls is missing, and the broker listens with TLS`;
      throw new BrambleError(ERROR_CODES.CONFIG_INVALID, message);
    }
    const settings = loadTls(mqtt.tls, config.cluster);
    const { validTo, subject } = settings.certificate;
    if (Date.parse(validTo) - Date.now() < ENDS_SOON) {
      log.warn({ subject, validTo }, 'the TLS certificate has ended or ends within two weeks');
    }
    return settings;
  }
}
