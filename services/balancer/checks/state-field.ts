import { hostname } from 'node:os';
import type { Server } from '../servers/server.ts';

/** The value of `X-Haproxy-Server-State` (manual, `http-check send-state`). */
export function stateOf(server: Server): string {
  const { backend, config, counters } = server;
  const { rise, fall } = config.check ?? { rise: 1, fall: 1 };
  const { health } = server;
  const word = health >= rise ? (server.usable || server.weight === 0 ? 'UP' : 'NOLB') : 'DOWN';
  const score = health >= rise ? `${health - rise + 1}/${fall}` : `${health}/${rise}`;
  const settled = health === 0 || health === rise + fall - 1;
  let sessions = 0;
  for (const one of backend.servers) sessions += one.cur;
  return [
    settled ? word : `${word} ${score}`,
    `address=${config.host}`,
    `port=${config.port}`,
    `name=${backend.config.name}/${config.name}`,
    `node=${hostname()}`,
    `weight=${server.usable ? server.weight : 0}/${backend.weight}`,
    `scur=${counters.present}/${sessions}`,
    `qcur=${server.queue.length}`,
  ].join('; ');
}
