import type { Bus } from '#core/jetstream/bus.ts';

export type Link = Pick<Bus, 'connected' | 'on' | 'off'>;

/**
 * Calls `up` whenever the link to nats-server is there, at once if it is now, and `down` when it is
 * gone. Returns what ends that.
 */
export function followLink(link: Link, up: () => void, down: () => void): () => void {
  link.on('up', up);
  link.on('down', down);
  if (link.connected) up();
  return () => {
    link.off('up', up);
    link.off('down', down);
  };
}
