import { errorResponse } from '../http/errors.ts';
import type { HttpAction, Rule } from './model.ts';

const POSITION = { file: '', line: 0, column: 0 };
/** What CGI would write as an underscore, so that two names become one (RFC 3875, 4.1.18). */
const UNUSUAL = /[^a-z0-9-]/;

/** `option http-restrict-req-hdr-names`, as the rule that comes before all others. */
export function nameRule(how: 'delete' | 'reject'): Rule<HttpAction> {
  const rule = { text: `http-restrict-req-hdr-names ${how}`, position: POSITION };
  if (how === 'reject') {
    return {
      ...rule,
      when: ({ request }) => request?.fields().some(([name]) => UNUSUAL.test(name)) ?? false,
      action: { kind: 'deny', reply: (scope, proxy) => errorResponse(403, proxy, scope) },
    };
  }
  return {
    ...rule,
    when: undefined,
    action: {
      kind: 'run',
      run: ({ request }) => {
        if (!request?.fields().some(([name]) => UNUSUAL.test(name))) return;
        request.edit((name, value) => (UNUSUAL.test(name) ? undefined : value));
      },
    },
  };
}
