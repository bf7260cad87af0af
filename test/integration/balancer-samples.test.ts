import { createCipheriv } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answersIn, talk } from '../support/http-peers.ts';
import { type HttpSetup, startHttp } from '../support/http-side-by-side.ts';

/** A FIX message with a right length and check sum. */
function fixMessage(version = 'FIX.4.4', body = '35=A\x0149=CLIENT\x0156=EXEC\x01'): string {
  const text = `8=${version}\x019=${body.length}\x01${body}`;
  const sum = [...Buffer.from(text, 'latin1')].reduce((all, byte) => (all + byte) & 0xff, 0);
  return `${text}10=${String(sum).padStart(3, '0')}\x01`;
}
const binary = (text: string): string => `bin(${Buffer.from(text, 'latin1').toString('hex')})`;

/** Text that AES-GCM makes of `hello`, and the converter that gets it back. */
function ciphered(bits: 128 | 192 | 256, change = (tag: Buffer): Buffer => tag): string {
  const key = Buffer.alloc(bits / 8, 'k');
  const nonce = Buffer.alloc(12, 'n');
  const name = `aes-${bits}-gcm` as const;
  const cipher = createCipheriv(name, key, nonce);
  const text = Buffer.concat([cipher.update('hello'), cipher.final()]);
  const [first, second, third] = [nonce, key, change(cipher.getAuthTag())].map((each) =>
    each.toString('base64'),
  );
  return `bin(${text.toString('hex')}),aes_gcm_dec(${bits},${first},${second},${third})`;
}

const XXH3_LENGTHS = [
  1, 3, 4, 8, 9, 16, 17, 32, 33, 64, 65, 96, 97, 128, 129, 143, 144, 240,
].concat([241, 256, 512, 1023, 1024, 1025, 1088, 1089, 2048, 2049, 2600]);

/** Expressions that HAProxy and we must evaluate alike, on the request below. */
const EXPRESSIONS: readonly string[] = [
  'src',
  'dst',
  'src,ipmask(8)',
  'src,ipmask(255.255.0.0)',
  'dst,ipmask(24,64)',
  'src_is_local',
  'fc_src',
  'fc_src_is_local',
  'fc_dst',
  'fc_dst_port',
  'fc_dst_is_local',
  'so_id',
  'nbproc',
  'method',
  'path',
  'pathq',
  'query',
  'url',
  'base',
  'baseq',
  'base32',
  'url32',
  'base32+src,hex',
  'req.ver',
  'hdr(host)',
  'hdr(HOST),lower',
  'req.hdr(x-list)',
  'req.hdr(x-list,1)',
  'req.hdr(x-list,-2)',
  'req.hdr(x-list,9)',
  'req.fhdr(x-list)',
  'req.fhdr(x-list,1)',
  'req.hdr_cnt(x-list)',
  'req.fhdr_cnt(x-list)',
  'req.hdr_cnt(none)',
  'req.hdr_val(x-number)',
  'req.hdr_ip(x-ip)',
  'req.hdr_ip(x-ip6)',
  'req.hdr_ip(x-list)',
  'req.hdr_names',
  'req.hdr_names(:)',
  'req.hdrs,length',
  'req.hdrs_bin,hex',
  'cook(one)',
  'req.cook(two)',
  'req.cook',
  'req.cook(none)',
  'req.cook_cnt',
  'req.cook_cnt(one)',
  'req.cook_val(num)',
  'urlp(a)',
  'urlp(b)',
  'urlp(none)',
  'url_param(enc)',
  'url_param(enc),url_dec',
  'urlp_val(n)',
  'url_param(s,;)',
  'http_auth_user',
  'http_auth_pass',
  'http_auth_type',
  'http_first_req',
  'fe_name',
  'fe_id',
  'fe_defbe',
  'be_conn(b)',
  'nbsrv(b)',
  'queue(b)',
  'connslots(b)',
  'avg_queue(b)',
  'srv_is_up(b/s1)',
  'srv_conn(b/s1)',
  'srv_weight(b/s1)',
  'always_true',
  'bool(0)',
  'bool(true),not',
  'int(-5)',
  'int(9223372036854775807)',
  'int(9223372036854775807),add(1)',
  'int(-9223372036854775808),sub(1)',
  'int(7),add(3)',
  'int(7),sub(10)',
  'int(7),mul(-3)',
  'int(7),div(2)',
  'int(-7),div(2)',
  'int(7),mod(4)',
  'int(-7),mod(4)',
  'int(12),and(10)',
  'int(12),or(3)',
  'int(12),xor(10)',
  'int(5),neg',
  'int(5),cpl',
  'int(5),even',
  'int(5),odd',
  'int(0),bool',
  'int(3232235777),ipmask(16)',
  'int(65),htonl,hex',
  'int(65),hex',
  'str(abc),upper',
  'str(ABC),lower',
  'str(abc),length',
  'str(abc),bytes(1,1)',
  'str(abc),bytes(1)',
  'str(abc),bytes(7)',
  'str(abc),hex',
  'str(ff),hex2i',
  'str(a.b.c.d),field(2,.)',
  'str(a.b.c.d),field(-1,.)',
  'str(a.b.c.d),field(2,.,2)',
  'str(a.b.c.d),field(-2,.,2)',
  'str(a.b.c.d),field(2,.,0)',
  'str(a.b.c.d),field(-2,.,0)',
  'str(a..b.c),field(2,.)',
  'str(a..b.c),word(2,.)',
  'str(.a..b.c),word(1,.)',
  'str(a.b.c.d),word(-1,.)',
  'str(a.b.c.d),word(2,.,2)',
  'str(a.b.c.d),word(-2,.,2)',
  'str(a.b.c.d),word(2,.,0)',
  'str(a.b.c.d),word(9,.)',
  'str(xxabcxx),ltrim(x)',
  'str(xxabcxx),rtrim(x)',
  'str(hello world),regsub(o,0)',
  'str(hello world),regsub(o,0,g)',
  'str(hello world),regsub(O,0,gi)',
  "str(/a/b),regsub('^/([a-z])/(.*)$','/\\2/\\1')",
  'str(abc),concat(-,,-)',
  'str(abc),concat(-,txn.none,-)',
  'bool(1),iif(yes,no)',
  'bool(0),iif(yes,no)',
  'str(abc),base64',
  'str(YWJj),b64dec',
  'str(YWJj),b64dec,hex',
  'str(not base64),b64dec',
  'str(abc),sha1,hex',
  'str(abc),sha2,hex',
  'str(abc),sha2(512),hex',
  'str(abc),digest(md5),hex',
  'str(abc),hmac(sha256,YWJj),hex',
  'str(abc),crc32',
  'str(abc),crc32(1)',
  'str(abc),crc32c',
  'str(abc),djb2',
  'str(abc),djb2(1)',
  'str(abc),sdbm',
  'str(abc),wt6',
  'str(abc),wt6(1)',
  'str(abc),xxh32',
  'str(abc),xxh32(5)',
  'str(abc),xxh64',
  'str(abc),xxh64(5)',
  'str(the quick brown fox jumps over the lazy dog),xxh32',
  'str(the quick brown fox jumps over the lazy dog),xxh64',
  'str(a%20b+c?d+e),url_dec',
  'str(a%20b+c?d+e),url_dec(1)',
  'str(a%2),url_dec',
  'str(a b/c?d=e&f),url_enc',
  'str(a/b),json',
  'str(example.com:8080),host_only',
  'str(example.com:8080),port_only',
  'str([::1]:8080),host_only',
  'str(10),http_date',
  'int(1600000000),http_date',
  'int(1600000000045),http_date(0,ms)',
  'int(1600000000000),http_date(5,ms)',
  'int(1600000000000045),http_date(0,us)',
  'str(12abc),add(1)',
  'str(),add(1)',
  'str(-5),bool',
  'bin(00ff10),hex',
  'bin(00ff10),base64',
  'int(1600000000),utime(%Y-%m-%dT%H:%M:%S)',
  'int(1600000000),utime(%a %d %b %j)',
  'req.fhdr(accept-language),language(de;fr)',
  'req.fhdr(accept-language),language(it,xx)',
  'req.hdr(x-json),json_query($.a)',
  'req.hdr(x-json),json_query($.b)',
  'req.hdr(x-json),json_query($.c)',
  'req.hdr(x-json),json_query($.d.e)',
  'req.hdr(x-json),json_query($.n)',
  "req.hdr(x-json),json_query('$.a','int')",
  'req.hdr(x-json),json_query($.none)',
  'str(127.0.0.1),ipmask(8)',
  'ipv4(1.2.3.4)',
  'ipv6(::1)',
  'ipv6(2001:db8::1:0:0:1)',
  'bin(616263)',
  'bin(616263),length',
  'meth(GET)',
  'env(HOME)',
  'env(NONE_SUCH)',
  'hostname,length',
  'uuid,length',
  'var(txn.none)',
  'str(abc),set-var(txn.x),upper,concat(,txn.x)',
  'str(b),nbsrv',
  'str(b/s1),srv_queue',
  'str(1.5),add(1)',
  'str(x),add(1)',
  'src,add(1)',
  'ssl_fc',
  'capture.req.method',
  'capture.req.uri',
  'capture.req.ver',
  'stopping',
  'bin(0102030405060708090a),be2dec(:,1)',
  'bin(0102030405060708090a),be2dec(-,3)',
  'bin(0102030405060708090a),be2dec(::,3,1)',
  "bin(ffffffffffffffffff),be2dec(',',8)",
  'str(),be2dec(-,2)',
  'str(),xxh3',
  'str(),xxh3(7)',
  ...XXH3_LENGTHS.flatMap((length) => [
    `req.hdr(x-long),bytes(0,${length}),xxh3`,
    `req.hdr(x-long),bytes(0,${length}),xxh3(${length % 2 === 0 ? 5 : 987654321})`,
  ]),
  ...['FIX.4.0', 'FIX.4.4', 'FIXT.1.1', 'FIX.9'].map(
    (version) => `${binary(fixMessage(version))},fix_is_valid`,
  ),
  `${binary(fixMessage())},fix_tag_value(49)`,
  `${binary(fixMessage())},fix_tag_value(TargetCompID)`,
  `${binary(fixMessage())},fix_tag_value(CheckSum)`,
  `${binary(fixMessage())},fix_tag_value(77)`,
  `${binary(fixMessage().slice(0, 40))},fix_tag_value(77)`,
  `${binary(fixMessage().slice(0, 40))},fix_is_valid`,
  `${binary(fixMessage('FIX.4.4', '49=A\x0135=BCDEFG\x01'))},fix_is_valid`,
  `${binary(fixMessage('FIX.4.0', '35=A\x01200=BCDEFG\x01'))},fix_is_valid`,
  `${binary(fixMessage('FIX.4.0', '35=A\x0112000=BCDEFG\x01'))},fix_is_valid`,
  `${binary(fixMessage('FIX.4.0', '35=A\x0158=\x0149=ABC\x01'))},fix_is_valid`,
  `${binary(fixMessage().replace('EXEC', 'EXEX'))},fix_is_valid`,
  ciphered(128),
  ciphered(192),
  ciphered(256),
  ciphered(128, (tag) => Buffer.from(tag.map((byte) => byte ^ 1))),
];

const LINES = [
  'GET /a/b/c.html?a=1&b=2&enc=x%20y&n=42;s=5 HTTP/1.1',
  'Host: Example.com:8080',
  'X-List: one, two',
  'X-List: three,"four, five"',
  'X-Number: 12',
  'X-Ip: 10.1.2.3',
  'X-Ip6: 2001:db8::7',
  'Cookie: one=1; two=zwei; num=77',
  'Cookie: one=eins',
  'Authorization: Basic dXNlcjpzZWNyZXQ=',
  'Accept-Language: en, fr;q=0.5, de;q=0.8',
  `X-Long: ${Array.from({ length: 2600 }, (_, at) => 'abcdefghijklmnopqrstuvwxyz0123456789-'[(at * at) % 37]).join('')}`,
  'X-Json: {"a":"7","b":true,"c":1.5,"d":{"e":"f"},"n":3}',
];

const quoted = (text: string): string => `"${text.replace(/[\\"$]/g, '\\$&')}"`;

describe('sample expressions, side by side with HAProxy', () => {
  let haproxy: HttpSetup;
  let ours: HttpSetup;
  let compared = 0;

  beforeAll(async () => {
    const frontend = EXPRESSIONS.map((expression, index) => {
      const body = quoted(`[%[${expression}]]`);
      return `    http-request return status 200 content-type text/plain lf-string ${body} if { req.hdr(x-case) ${index} }`;
    }).join('\n');
    [haproxy, ours] = await Promise.all([
      startHttp('haproxy', { frontend }),
      startHttp('bramble', { frontend }),
    ]);
  });

  afterAll(async () => {
    console.log(`sample expressions: ${compared} compared`);
    await Promise.all([haproxy?.[Symbol.asyncDispose](), ours?.[Symbol.asyncDispose]()]);
  });

  const ask = async ({ port }: HttpSetup, index: number): Promise<string> => {
    const head = [...LINES, `X-Case: ${index}`, '', ''].join('\r\n');
    const { text } = await talk(port, [head], { quiet: 15, limit: 2000 });
    // What differs from run to run: the port of the frontend.
    return answersIn(text)[0]?.body.replaceAll(String(port), 'PORT') ?? text;
  };

  test.each(EXPRESSIONS.map((expression, index) => [expression, index] as const))(
    '%s',
    async (_expression, index) => {
      const [theirs, own] = await Promise.all([ask(haproxy, index), ask(ours, index)]);
      compared += 1;
      expect(own).toBe(theirs);
    },
  );
});
