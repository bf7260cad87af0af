import { z } from 'zod';

/**
 * Where a node says what is wrong with it that no service of ours sees: its card, its
 * configuration, its Wi-Fi. JSON of `nodeProblemsSchema`, in memory, so that a start begins anew.
 */
export const NODE_PROBLEMS = '/run/bramble-node/problems.json';

/** More than a card has ways to be wrong; what is longer is cut by who writes it. */
export const NODE_PROBLEMS_MAX = 16;
export const NODE_PROBLEM_LENGTH = 300;

/** Sentences without their subject, which is the node; each lasts as long as its text does. */
export const nodeProblemsSchema = z
  .array(z.string().min(1).max(NODE_PROBLEM_LENGTH))
  .max(NODE_PROBLEMS_MAX);
