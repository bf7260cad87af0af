import type { CheckConfig } from '../model.ts';
import type { AdminState, SavedStand } from './admin-state.ts';

/**
 * Where a server stands: its health as a counter (HAProxy's rule, manual section 5.2 `rise` and
 * `fall`), and what was ordered for it.
 *
 * `health` runs from 0 to rise + fall - 1; it serves at `rise` or more. A good check in between
 * moves it up by one and, once it serves, straight to the top; a failed one moves it down by one
 * and, once it no longer serves, straight to 0. It starts at `rise`: serving, and down at the
 * first failed check.
 */
export class Standing {
  health: number;
  admin: AdminState;
  /** Its last passed check asked for no more sessions. */
  stopping = false;
  /** Milliseconds that it did not serve, up to the last turn. */
  downtime = 0;

  constructor(check: CheckConfig | undefined, disabled: boolean) {
    this.health = check?.rise ?? 0;
    this.admin = disabled ? 'maint' : 'ready';
  }

  passed({ rise, fall }: CheckConfig): void {
    const top = rise + fall - 1;
    if (this.health >= top) return;
    this.health += 1;
    if (this.health >= rise) this.health = top;
  }

  /** False when it was as low as can be. */
  failed({ rise }: CheckConfig): boolean {
    if (this.health === 0) return false;
    this.health -= 1;
    if (this.health < rise) this.health = 0;
    return true;
  }

  /**
   * Puts it where a former process left it. As in HAProxy only the state counts: one that ran is as
   * healthy as can be, one that was starting or leaving is down at the first failed check.
   */
  restore({ rise, fall }: CheckConfig, stood: SavedStand): void {
    if (stood === 'down') this.health = 0;
    else this.health = stood === 'running' ? rise + fall - 1 : rise;
    this.stopping = stood === 'stopping';
  }

  /** Goes on from `previous`: serving stays serving, whatever `rise` and `fall` have become. */
  takeOver(previous: Standing, before: CheckConfig, { rise, fall }: CheckConfig): void {
    const top = rise + fall - 1;
    this.stopping = previous.stopping;
    if (previous.health < before.rise) this.health = Math.min(previous.health, rise - 1);
    else if (previous.health === before.rise + before.fall - 1) this.health = top;
    else this.health = Math.min(rise + (previous.health - before.rise), top);
  }
}
