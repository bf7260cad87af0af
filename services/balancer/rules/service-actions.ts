import { ExpressionError } from '../samples/fetch.ts';
import type { HttpActionRow } from './http-actions.ts';

/** Who answers in place of a server. */
export const SERVICES = ['prometheus-exporter'] as const;
export type ServiceName = (typeof SERVICES)[number];

export const SERVICE_ACTIONS: Readonly<Record<string, HttpActionRow>> = {
  'use-service': {
    usage: '<service-name>',
    summary: 'answers in place of a server: prometheus-exporter',
    phases: ['request'],
    parse: (words) => {
      const text = words.need("'use-service' expects a service name");
      const service = SERVICES.find((name) => name === text);
      if (!service) throw new ExpressionError(`'${text}' unknown service name`);
      return { kind: 'service', service };
    },
  },
};
