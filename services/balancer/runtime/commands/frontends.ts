import type { Frontend } from '../../listeners/frontend.ts';
import type { Call, CommandTable } from '../command.ts';
import { failure, NOTHING, type Reply } from '../reply.ts';
import { isReply } from '../targets.ts';

function frontendOf({ host, word }: Call): Frontend | Reply {
  const name = word(0);
  if (name === '') return failure('A frontend name is expected.');
  return host.frontends.find(({ config }) => config.name === name) ?? failure('No such frontend.');
}

/** Frontends that take nobody for a while, or for good (management guide, section 9.3). */
export const FRONTEND_COMMANDS: CommandTable = [
  {
    name: 'disable frontend',
    workers: 'each',
    usage: 'disable frontend <frontend>',
    summary: 'temporarily disable specific frontend',
    level: 'admin',
    run: async (call) => {
      const frontend = frontendOf(call);
      if (isReply(frontend)) return frontend;
      if (frontend.state === 'stopped') {
        return failure('Frontend was previously shut down, cannot disable.');
      }
      if (frontend.state === 'paused') return failure('All sockets are already disabled.');
      await call.host.pause(frontend, 'paused');
      return NOTHING;
    },
  },
  {
    name: 'enable frontend',
    workers: 'each',
    usage: 'enable frontend <frontend>',
    summary: 're-enable specific frontend',
    level: 'admin',
    run: async (call) => {
      const frontend = frontendOf(call);
      if (isReply(frontend)) return frontend;
      if (frontend.state === 'stopped') {
        return failure('Frontend was previously shut down, cannot enable.');
      }
      if (frontend.state === 'open') return failure('All sockets are already enabled.');
      try {
        await call.host.resume(frontend);
      } catch {
        return failure('Failed to resume frontend, check logs for precise cause (port conflict?).');
      }
      return NOTHING;
    },
  },
  {
    name: 'shutdown frontend',
    workers: 'each',
    usage: 'shutdown frontend <frontend>',
    summary: 'stop a specific frontend',
    level: 'admin',
    run: async (call) => {
      const frontend = frontendOf(call);
      if (isReply(frontend)) return frontend;
      if (frontend.state === 'stopped') return failure('Frontend was already shut down.');
      await call.host.pause(frontend, 'stopped');
      return NOTHING;
    },
  },
];
