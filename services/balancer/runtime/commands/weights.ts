import type { Server } from '../../servers/server.ts';
import type { CommandTable } from '../command.ts';
import { bareFailure, data, failure, NOTHING, type Reply } from '../reply.ts';
import { isReply, serverOf } from '../targets.ts';

const MAX_WEIGHT = 256;
const STATIC = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";

/** Sets `20` or `50%`, the latter of what the server's line says (management guide, `set weight`). */
export function changeWeight(server: Server, text: string): Reply {
  if (text === '') return failure('Require <weight> or <weight%>.');
  const found = /^(\d{1,9})(%?)$/.exec(text);
  if (!found) {
    return /^\d/.test(text)
      ? bareFailure('Trailing garbage in weight string')
      : bareFailure('Empty weight string empty or preceded by garbage');
  }
  const [, number, percent] = found;
  const value = Number(number);
  const { weight: initial } = server.configured;
  if (percent === '' && value > MAX_WEIGHT) {
    return failure('Absolute weight can only be between 0 and 256 inclusive.');
  }
  const weight = percent === '' ? value : Math.min(MAX_WEIGHT, Math.floor((initial * value) / 100));
  if (!server.backend.dynamic && weight !== 0 && weight !== initial) return failure(STATIC);
  const error = server.setWeight(weight);
  return error === undefined ? NOTHING : failure(error);
}

/** Weights by their older names. */
export const WEIGHT_COMMANDS: CommandTable = [
  {
    name: 'get weight',
    usage: 'get weight <bk>/<srv>',
    summary: "report a server's current weight",
    run: ({ host, word }) => {
      const server = serverOf(host, word(0));
      if (isReply(server)) return server;
      return data(`${server.weight} (initial ${server.configured.weight})\n`);
    },
  },
  {
    name: 'set weight',
    usage: 'set weight <bk>/<srv>  (DEPRECATED)',
    summary: "change a server's weight (use 'set server' instead)",
    level: 'admin',
    run: ({ host, word }) => {
      const server = serverOf(host, word(0));
      return isReply(server) ? server : changeWeight(server, word(1));
    },
  },
];
