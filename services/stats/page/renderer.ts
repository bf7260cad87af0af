import { randomBytes } from 'node:crypto';
import type { ClusterSnapshot } from '../model/snapshot.ts';
import type { Assets } from './assets.ts';
import { type Rendering, renderBody, renderPage } from './page.ts';

const BOOT_BYTES = 4;

/** Renders each snapshot at most once, however many readers there are. */
export class Renderer {
  readonly assets: Assets;
  readonly #boot = randomBytes(BOOT_BYTES).toString('hex');
  #last: { sequence: number; rendering: Rendering; page: string | undefined } | undefined;

  constructor(assets: Assets) {
    this.assets = assets;
  }

  /** Names a snapshot of this process, across restarts. */
  idOf(snapshot: ClusterSnapshot): string {
    return `${this.#boot}-${snapshot.sequence}`;
  }

  rendering(snapshot: ClusterSnapshot): Rendering {
    return this.#of(snapshot).rendering;
  }

  page(snapshot: ClusterSnapshot): string {
    const last = this.#of(snapshot);
    last.page ??= renderPage(last.rendering, this.idOf(snapshot), this.assets);
    return last.page;
  }

  #of(snapshot: ClusterSnapshot) {
    if (this.#last?.sequence !== snapshot.sequence) {
      const rendering = renderBody(snapshot);
      this.#last = { sequence: snapshot.sequence, rendering, page: undefined };
    }
    return this.#last;
  }
}
