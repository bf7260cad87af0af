import { describe, expect, it } from 'vitest';
import { Admission, type Waiting } from '../../../../services/balancer/listeners/admission.ts';

/** Wants one place after the other, and asks again while it wants more. */
function waiting(admission: Admission, name: string, wanted: number, got: string[]): Waiting {
  const one: Waiting = {
    admit: () => {
      while (wanted > 0 && !admission.full) {
        wanted -= 1;
        admission.enter();
        got.push(name);
      }
      if (wanted > 0) admission.wait(one);
    },
  };
  return one;
}

describe('Admission', () => {
  it('lets those who wait in by turns, as others leave', () => {
    const admission = new Admission(1, 10);
    const got: string[] = [];
    admission.enter();
    admission.wait(waiting(admission, 'a', 3, got));
    admission.wait(waiting(admission, 'b', 3, got));
    for (let i = 0; i < 6; i++) admission.leave();
    expect(got.join('')).toBe('ababab');
    admission.leave();
    expect([admission.current, admission.total]).toEqual([0, 7]);
  });

  it('asks each once when nobody can come in for reasons of their own', () => {
    const admission = new Admission(10, 10);
    let asked = 0;
    const stubborn: Waiting = {
      admit: () => {
        asked += 1;
        admission.wait(stubborn);
      },
    };
    admission.enter();
    admission.wait(stubborn);
    admission.leave();
    expect(asked).toBe(1);
    admission.forget(stubborn);
    admission.enter();
    admission.leave();
    expect(asked).toBe(1);
  });
});
