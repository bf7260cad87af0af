import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpSetup, seeAll, startHttp } from '../support/http-side-by-side.ts';
import { SMUGGLING } from '../support/smuggling-cases.ts';

/** What a server gets of `GET /hidden` or `GET /next` is what a smuggler wants to reach. */
describe('requests that hide others, side by side with HAProxy', () => {
  let haproxy: HttpSetup;
  let ours: HttpSetup;
  let compared = 0;
  let refused = 0;

  beforeAll(async () => {
    [haproxy, ours] = await Promise.all([startHttp('haproxy'), startHttp('bramble')]);
  });
  afterAll(async () => {
    console.log(`${compared} attempts compared, ${refused} of them refused`);
    await Promise.all([haproxy?.[Symbol.asyncDispose](), ours?.[Symbol.asyncDispose]()]);
  });

  for (const [group, cases] of Object.entries(SMUGGLING)) {
    describe(group, () => {
      for (const one of cases) {
        test(one.why ? `${one.name} (differs: ${one.why})` : one.name, async () => {
          const [theirs, own] = await seeAll([haproxy, ours], one);
          compared += 1;
          if (own!.full.status[0] !== 200) refused += 1;
          // Whatever else differs: nobody gets a request past us that HAProxy does not let through.
          expect(requestsIn(own!.full.origin)).toBeLessThanOrEqual(requestsIn(theirs!.full.origin));
          expect(own!.compared).toEqual(theirs!.compared);
        });
      }
    });
  }
});

const requestsIn = (text: string): number => [...text.matchAll(/ HTTP\/1\.[01]\r\n/g)].length;
