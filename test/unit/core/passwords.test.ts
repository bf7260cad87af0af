import { expect, test } from 'vitest';
import { hashPassword, verifyPassword } from '#core/passwords.ts';

test('a hash verifies its own password and no other, and never repeats', async () => {
  const [first, second] = await Promise.all([hashPassword('höhle'), hashPassword('höhle')]);
  expect(first).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$/);
  expect(first).not.toBe(second);
  expect(await verifyPassword(first, Buffer.from('höhle'))).toBe(true);
  expect(await verifyPassword(first, Buffer.from('hohle'))).toBe(false);
});

test('plain text is compared whole', async () => {
  expect(await verifyPassword('secret', Buffer.from('secret'))).toBe(true);
  for (const wrong of ['', 'secre', 'secrets', 'secret\0', 'Secret']) {
    expect(await verifyPassword('secret', Buffer.from(wrong))).toBe(false);
  }
});
