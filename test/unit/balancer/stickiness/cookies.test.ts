import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editCookies, setCookieOf } from '../../../../services/balancer/stickiness/cookies.ts';

describe('editCookies', () => {
  it('shows every cookie of the name, and none other', () => {
    const seen: string[] = [];
    const text = 'S=1; SS=2; s=3; a="x;S=9"; S="4;5"; S; S=';
    const same = editCookies(text, 'S', (value) => {
      seen.push(value);
      return undefined;
    });
    expect(same).toBe(text);
    expect(seen).toEqual(['1', '"4;5"', '']);
  });

  it('drops and replaces', () => {
    expect(editCookies('S=1', 'S', () => 'drop')).toBe('');
    expect(editCookies('S=1; a=b; S=2; c=d; S=3', 'S', () => 'drop')).toBe('a=b; c=d');
    expect(editCookies('a=b; S=1~x; c=d', 'S', () => ({ value: 'x' }))).toBe('a=b; S=x; c=d');
  });

  it('leaves nothing of a dropped cookie and all of the others, whatever comes', () => {
    const pair = fc.tuple(fc.constantFrom('S', 'a', 'SS'), fc.stringMatching(/^[a-z0-9]{0,5}$/));
    fc.assert(
      fc.property(fc.array(pair), (pairs) => {
        const join = (some: typeof pairs): string => some.map((one) => one.join('=')).join('; ');
        const others = pairs.filter(([name]) => name !== 'S');
        expect(editCookies(join(pairs), 'S', () => 'drop')).toBe(join(others));
      }),
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'S=;" \tx~|,') }), (text) => {
        editCookies(text, 'S', () => ({ value: 'y' }));
        editCookies(text, 'S', () => 'drop');
        setCookieOf(text);
      }),
    );
  });
});
