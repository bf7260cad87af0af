import type { ConverterTable } from '../converter.ts';
import { int } from '../sample.ts';

/** Proxies and servers named by a value: HAProxy 2.6 manual, section 7.3.1. */
export const STATE_CONVERTERS: ConverterTable = {
  nbsrv: {
    in: 'str',
    out: 'sint',
    usage: '',
    args: [0, 0],
    summary: 'usable servers of the backend with this name',
    make: () => (sample, scope) => {
      const backend = scope.directory?.backend(sample.value as string);
      return backend && int(backend.active || backend.backups);
    },
  },
  srv_queue: {
    in: 'str',
    out: 'sint',
    usage: '',
    args: [0, 0],
    summary: 'sessions that wait for the server `[backend/]server`',
    make: () => (sample, scope) => {
      const text = sample.value as string;
      const slash = text.indexOf('/');
      const backend = slash < 0 ? scope.backend : scope.directory?.backend(text.slice(0, slash));
      const name = text.slice(slash + 1);
      const server = backend?.servers.find((one) => one.config.name === name);
      return server && int(server.queue.length);
    },
  },
};
