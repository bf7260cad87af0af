import { describe, expect, test } from 'vitest';
import { OK } from '../support/http-peers.ts';
import { type HttpSetup, see, startHttp } from '../support/http-side-by-side.ts';
import { GROUPS, type RuleGroup } from '../support/rule-cases.ts';
import { VALUE_GROUPS } from '../support/value-rule-cases.ts';

const nameOf = (text: string): string => text.split('\r\n')[0]!.slice(0, 60);

/** One request after the other, each on a connection of its own. */
async function runAll(
  setup: HttpSetup,
  { requests, script = OK, statusAlone }: RuleGroup,
): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const text of requests) {
    const one = { name: text, pieces: [text], script, talk: { quiet: 25 } };
    const { status, end, origin, log, text: answers } = await see(setup, one);
    if (statusAlone) {
      seen.push({ request: nameOf(text), status });
      continue;
    }
    const port = String(setup.port);
    const clean = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value)
          .replaceAll(port, 'PORT')
          .replace(/127\.0\.0\.1:\d+ \[[^\]]*\]/g, 'CLIENT [DATE]')
          .replace(/ (-?\d+\/){4}\d+ /g, (times) => times.replace(/(?<!-)\b\d+/g, 'N')),
      );
    seen.push({
      request: nameOf(text),
      ...(clean({ status, end, origin, log, answers }) as object),
    });
  }
  return seen;
}

describe('rules, side by side with HAProxy', () => {
  const groups = [...GROUPS, ...VALUE_GROUPS];
  test.each(groups.map((group) => [group.name, group] as const))('%s', async (_name, group) => {
    const lines = {
      frontend: group.frontend ?? '',
      backend: group.backend ?? '',
      // A second global section, behind the defaults.
      timeouts: group.global === undefined ? '' : `global\n    ${group.global}`,
    };
    await using haproxy = await startHttp('haproxy', lines);
    await using ours = await startHttp('bramble', lines);
    const [theirs, own] = await Promise.all([runAll(haproxy, group), runAll(ours, group)]);
    expect(theirs).toHaveLength(group.requests.length);
    for (const [index, each] of theirs.entries()) expect.soft(own[index]).toEqual(each);
    console.log(`${group.name}: ${theirs.length} exchanges compared`);
  });
});
