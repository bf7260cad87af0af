import type { ServerResponse } from 'node:http';
import type { ClusterSnapshot } from '../model/snapshot.ts';
import type { Rendering } from './page.ts';
import type { Renderer } from './renderer.ts';

export interface StreamHubOptions {
  renderer: Renderer;
  /** Streams at once; more are refused. Default 64. */
  maxStreams?: number;
  /** What may wait for one reader before it is dropped, bytes. Default 256 KiB. */
  maxBuffered?: number;
}

/** How long a browser waits before it connects again, milliseconds. */
const RETRY = 2000;
const DEFAULTS = { maxStreams: 64, maxBuffered: 256 << 10 };

/**
 * Sends what changes to every open page, as server-sent events (HTML standard, section 9.2). One
 * difference is rendered a snapshot, whatever the number of readers, and none without readers.
 */
export class StreamHub {
  readonly #options: Required<StreamHubOptions>;
  readonly #streams = new Set<ServerResponse>();
  #sent: { snapshot: ClusterSnapshot; rendering: Rendering } | undefined;
  #dropped = 0;

  constructor(options: StreamHubOptions) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Open streams. */
  get size(): number {
    return this.#streams.size;
  }

  /** Readers dropped since the start because they did not keep up. */
  get dropped(): number {
    return this.#dropped;
  }

  get full(): boolean {
    return this.#streams.size >= this.#options.maxStreams;
  }

  /**
   * Takes over a response. `from` is the snapshot that the page shows, `version` that of its
   * assets: a page of another release is told to reload. A reader that names neither is no page,
   * and gets everything first.
   */
  open(response: ServerResponse, from: string, version: string, snapshot: ClusterSnapshot): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${RETRY}\n\n`);
    const { renderer } = this.#options;
    if (version !== '' && version !== renderer.assets.version) {
      response.end('event: reload\ndata: {}\n\n');
      return;
    }
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    response.on('error', () => this.#streams.delete(response));
    // A newcomer joins at what the others have, so that one difference serves all.
    this.#sent ??= { snapshot, rendering: renderer.rendering(snapshot) };
    if (from !== renderer.idOf(this.#sent.snapshot)) {
      const { rendering } = this.#sent;
      this.#write(
        response,
        this.#message(this.#sent.snapshot, rendering.live.all(), rendering.title),
      );
    }
  }

  /**
   * Sends what is different in `snapshot`. An empty difference is sent too: a browser that hears
   * nothing for some seconds knows that the line is dead.
   */
  publish(snapshot: ClusterSnapshot): void {
    if (this.#streams.size === 0) {
      this.#sent = undefined;
      return;
    }
    const rendering = this.#options.renderer.rendering(snapshot);
    const before = this.#sent;
    this.#sent = { snapshot, rendering };
    const changed = before ? rendering.live.since(before.rendering.live) : rendering.live.all();
    const title = before?.rendering.title === rendering.title ? undefined : rendering.title;
    this.#broadcast(this.#message(snapshot, changed, title));
  }

  /** Ends every stream; browsers connect again by themselves. */
  close(): void {
    for (const response of this.#streams) response.end();
    this.#streams.clear();
  }

  #message(snapshot: ClusterSnapshot, set: Record<string, string>, title?: string): string {
    // JSON has no raw line ends, so one data line is enough.
    const data = JSON.stringify({ title, set });
    return `id: ${this.#options.renderer.idOf(snapshot)}\nevent: patch\ndata: ${data}\n\n`;
  }

  #broadcast(text: string): void {
    for (const response of this.#streams) this.#write(response, text);
  }

  #write(response: ServerResponse, text: string): void {
    response.write(text);
    if (response.writableLength <= this.#options.maxBuffered) return;
    this.#dropped++;
    this.#streams.delete(response);
    response.destroy();
  }
}
