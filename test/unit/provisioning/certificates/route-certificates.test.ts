import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { routeCertificates } from '../../../../provisioning/certificates/route-certificates.ts';

const SECRET = '0123456789abcdef0123';
const PI1 = { name: 'pi1', address: '192.168.1.11' };

let work = '';
beforeAll(() => {
  work = mkdtempSync(path.join(tmpdir(), 'bramble-routes-'));
});
afterAll(() => rmSync(work, { recursive: true }));

const issue = (address: string, secret = SECRET) =>
  routeCertificates(secret, { name: 'pi1', address });

test('the same secret and node give the same bytes, another one others', () => {
  const first = routeCertificates(SECRET, PI1);
  expect(routeCertificates(SECRET, PI1)).toEqual(first);
  const other = routeCertificates(SECRET, { name: 'pi2', address: '192.168.1.12' });
  expect(other.authority).toBe(first.authority);
  expect(other.node).not.toBe(first.node);
  expect(routeCertificates(`${SECRET}!`, PI1).authority).not.toBe(first.authority);
});

test.each(['192.168.1.11', 'fd00::1', '2001:db8:1:2:3:4:5:6', '::ffff:10.0.0.1', 'fe80:0:0:1::'])(
  'openssl, Node and strict rules accept the one for %s',
  (address) => {
    const { authority, node } = issue(address);
    writeFileSync(path.join(work, 'authority.pem'), authority);
    writeFileSync(path.join(work, 'node.pem'), node);
    for (const purpose of ['sslserver', 'sslclient']) {
      const told = execFileSync(
        'openssl',
        [
          ...['verify', '-x509_strict', '-purpose', purpose, '-verify_ip', address],
          ...['-CAfile', 'authority.pem', 'node.pem'],
        ],
        { cwd: work, encoding: 'utf8' },
      );
      expect(told).toContain('OK');
    }
    const certificate = new X509Certificate(node);
    const issuer = new X509Certificate(authority);
    expect(certificate.checkIP(address)).toBeDefined();
    expect(certificate.checkIP('192.168.1.99')).toBeUndefined();
    expect(certificate.ca).toBe(false);
    expect(issuer.ca).toBe(true);
    expect(certificate.checkIssued(issuer)).toBe(true);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(issuer.verify(issuer.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(node))).toBe(true);
    expect(certificate.validTo).toMatch(/9999/);
  },
);

test('the secret itself is in none of them, and a node cannot sign for another', () => {
  const { node } = issue('192.168.1.11');
  expect(node).not.toContain(SECRET);
  expect(Buffer.from(node, 'utf8').toString('base64')).not.toContain(SECRET);
  const other = new X509Certificate(issue('192.168.1.11', `${SECRET}!`).authority);
  expect(new X509Certificate(node).verify(other.publicKey)).toBe(false);
});
