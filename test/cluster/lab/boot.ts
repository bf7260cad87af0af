import { initScript } from '../../support/pi-init.ts';

export { ENTER } from '../../support/pi-init.ts';

/** A node of a cluster starts once its cable is there. */
export const INIT = initScript('until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done');
