import { expect, test } from 'vitest';
import { compileExpression } from '../../../../services/balancer/samples/compile.ts';
import {
  FOREIGN_CONVERTERS,
  FOREIGN_FETCHES,
} from '../../../../services/balancer/samples/foreign.ts';
import { CONVERTERS, FETCHES } from '../../../../services/balancer/samples/tables.ts';

const environment = { variable: () => undefined };

test('what HAProxy alone has is refused as such, and no name is on both lists', () => {
  for (const name of FOREIGN_FETCHES) {
    expect(Object.hasOwn(FETCHES, name), name).toBe(false);
    expect(() => compileExpression(name, environment)).toThrow(
      `unsupported fetch method '${name}': HAProxy has it, this balancer does not`,
    );
  }
  for (const name of FOREIGN_CONVERTERS) {
    expect(Object.hasOwn(CONVERTERS, name), name).toBe(false);
    expect(() => compileExpression(`str(a),${name}`, environment)).toThrow(
      `unsupported converter '${name}': HAProxy has it, this balancer does not`,
    );
  }
  expect(() => compileExpression('so_idd', environment)).toThrow('unknown fetch method');
  console.log(`${FOREIGN_FETCHES.size} fetches and ${FOREIGN_CONVERTERS.size} converters refused`);
});
