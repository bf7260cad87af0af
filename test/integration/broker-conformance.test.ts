/**
 * The conformance tests of one broker once more, on two: each client lands on the other node than
 * the one before, as behind a balancer.
 */
process.env.BRAMBLE_TEST_NODES = '2';

await import('../unit/broker/mqtt311.test.ts');
await import('../unit/broker/mqtt5.test.ts');
await import('../unit/broker/mqtt5-sessions.test.ts');

export {};
