import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CONNECTIONS,
  FIELDS,
  type HttpCase,
  LENGTHS,
  RESPONSES,
  START_LINES,
} from '../support/http-cases.ts';
import { type HttpSetup, seeAll, startHttp } from '../support/http-side-by-side.ts';

/** The same raw bytes to HAProxy and to us: the same answer, end, upstream request and log line. */
describe('raw exchanges, side by side with HAProxy', () => {
  let haproxy: HttpSetup;
  let ours: HttpSetup;
  let compared = 0;
  let excepted = 0;

  beforeAll(async () => {
    [haproxy, ours] = await Promise.all([startHttp('haproxy'), startHttp('bramble')]);
  });

  afterAll(async () => {
    console.log(
      `raw exchanges: ${compared} compared, ${excepted} of them with a stated difference`,
    );
    await Promise.all([haproxy?.[Symbol.asyncDispose](), ours?.[Symbol.asyncDispose]()]);
  });

  const groups: Record<string, readonly HttpCase[]> = {
    'start lines': START_LINES,
    fields: FIELDS,
    'lengths and codings': LENGTHS,
    responses: RESPONSES,
    connections: CONNECTIONS,
  };
  for (const [group, cases] of Object.entries(groups)) {
    describe(group, () => {
      for (const one of cases) {
        const name = one.name.length > 60 ? `${one.name.slice(0, 57)}…` : one.name;
        test(one.why ? `${name} (differs: ${one.why})` : name, async () => {
          const [theirs, own] = await seeAll([haproxy, ours], one);
          compared += 1;
          if (one.differs) excepted += 1;
          expect(own!.compared).toEqual(theirs!.compared);
        });
      }
    });
  }
});
