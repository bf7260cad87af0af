import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../../../services/balancer/command/arguments.ts';

const lineOf = (...words: string[]) => {
  const parsed = parseArguments(words);
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed));
  return parsed.line;
};

describe('the command line', () => {
  test('takes every option', () => {
    const words =
      '-f a -f b -c -q -V -db -D -dW -p pid -C dir -n 10 -N 5 -L me -sf 1 2 -st 3 -dp -W -S m.sock,level,user -x s -- c d';
    expect(lineOf(...words.split(' '))).toEqual({
      files: ['a', 'b', 'c', 'd'],
      check: true,
      condition: undefined,
      quiet: true,
      verbose: true,
      foreground: true,
      daemon: true,
      zeroWarning: true,
      pidfile: 'pid',
      directory: 'dir',
      maxconn: 10,
      proxyMaxconn: 5,
      localPeer: 'me',
      finish: [1, 2],
      terminate: [3],
      takeover: true,
      master: true,
      masterSocket: 'm.sock,level,user',
    });
  });

  test('takes an empty list of old processes', () => {
    expect(lineOf('-f', 'a', '-sf').finish).toEqual([]);
    expect(lineOf('-sf', '-f', 'a').files).toEqual(['a']);
  });

  test('-d stays in the foreground and says more', () => {
    expect(lineOf('-d', '-f', 'a')).toMatchObject({ foreground: true, verbose: true });
  });

  test('-v wins over what follows', () => {
    expect(parseArguments(['-v', '-Z'])).toEqual({ kind: 'version', long: false });
    expect(parseArguments(['-c', '-vv'])).toEqual({ kind: 'version', long: true });
  });

  test.each<[string[], string | undefined]>([
    [[], undefined],
    [['-c'], undefined],
    [['-f'], '-f needs a value'],
    [['-n', '0', '-f', 'a'], "-n needs a number of connections, '0' is none"],
    [['-n', 'many', '-f', 'a'], "-n needs a number of connections, 'many' is none"],
    [['-sf', 'abc', '-f', 'a'], "-sf option: 'abc' is no process id"],
    [['-sf', '0', '-f', 'a'], "-sf option: '0' is no process id"],
    [['-Z'], "unknown option '-Z'"],
    [['a'], "unexpected argument 'a'; files are given with -f"],
    [['-constructor'], "unknown option '-constructor'"],
  ])('%j is an error', (words, message) => {
    expect(parseArguments(words)).toEqual({ kind: 'usage', message });
  });

  test('what HAProxy alone has is refused with what to do', () => {
    expect(parseArguments(['-dr', '-f', 'a'])).toEqual({
      kind: 'usage',
      message: "option '-dr' is not supported: names must resolve at start; give addresses instead",
    });
    expect(parseArguments(['-m', '64', '-f', 'a'])).toMatchObject({
      message: expect.stringContaining("option '-m' is not supported"),
    });
  });

  test('-cc asks for a condition alone, wherever it stands', () => {
    const condition = { kind: 'condition', text: 'feature(X)', quiet: false };
    expect(parseArguments(['-cc', 'feature(X)'])).toEqual(condition);
    expect(parseArguments(['-f', 'a', '-cc', 'feature(X)', '-q'])).toEqual({
      ...condition,
      quiet: true,
    });
    expect(parseArguments(['-cc'])).toEqual({ kind: 'usage', message: '-cc needs a value' });
  });

  test('poisoning of memory is accepted, with its byte and options', () => {
    expect(lineOf('-dM', '-dMno-merge,cache', '-f', 'a').files).toEqual(['a']);
  });
});
