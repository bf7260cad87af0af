import type { Balancer } from '../balancer.ts';

/** Whom commands look at and change. */
export type RuntimeHost = Balancer;
