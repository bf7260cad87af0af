import type { Server } from '../servers/server.ts';
import type { AgentReport } from '../servers/types.ts';

/** An agent's line, word by word; of several words of one kind the last one counts. */
export interface AgentAnswer {
  health: 'up' | 'down' | 'stopped' | 'fail' | undefined;
  admin: 'ready' | 'drain' | 'maint' | undefined;
  /** `75%`, as it was written. */
  weight: string | undefined;
  /** Behind `maxconn:`, as it was written. */
  maxconn: string | undefined;
  /** Behind `#`. */
  description: string;
  /** The first word that means nothing. */
  unknown: string | undefined;
}

const HEALTH = ['up', 'down', 'stopped', 'fail'] as const;
const ADMIN = ['ready', 'drain', 'maint'] as const;
const MAXCONN = 'maxconn:';

/** Reads the line of an agent (manual, section 5.2, `agent-check`). */
export function parseAgentAnswer(line: string): AgentAnswer {
  const answer: AgentAnswer = {
    health: undefined,
    admin: undefined,
    weight: undefined,
    maxconn: undefined,
    description: '',
    unknown: undefined,
  };
  const sharp = /(?:^|[ \t,])#/.exec(line);
  const end = sharp ? sharp.index : line.length;
  if (sharp) answer.description = line.slice(end).replace(/^[ \t,]*#[ \t]*/, '');
  for (const word of line.slice(0, end).split(/[ \t,]+/)) {
    if (word === '') continue;
    const lower = word.toLowerCase();
    const health = HEALTH.find((one) => one === lower);
    const admin = ADMIN.find((one) => one === lower);
    if (health) answer.health = health;
    else if (admin) answer.admin = admin;
    else if (/^\d.*%/.test(word)) answer.weight = word;
    else if (lower.startsWith(MAXCONN)) answer.maxconn = word.slice(MAXCONN.length);
    else answer.unknown ??= word;
  }
  return answer;
}

const MAX_WEIGHT = 256;

/** Does what the agent asks for, and returns what the statistics say of it. */
export function obeyAgent(server: Server, line: string): Omit<AgentReport, 'duration'> {
  const answer = parseAgentAnswer(line);
  if (answer.admin) server.setState(answer.admin);
  const warnings = [changeWeight(server, answer.weight), changeMaxconn(server, answer.maxconn)];
  const warning = warnings.find((text) => text !== undefined);
  const { health, unknown, description } = answer;
  if (!health) {
    if (unknown !== undefined) {
      return { status: 'CHECKED', info: `agent reports an error : ${unknown}` };
    }
    if (warning !== undefined) return { status: 'CHECKED', info: `agent warns : ${warning}` };
    return { status: 'CHECKED' };
  }
  const up = health === 'up';
  const text = description === '' || up ? (unknown ?? warning ?? description) : description;
  const info = `via agent : ${wordOf(line, health)}${text === '' ? '' : ` (${text})`}`;
  return { status: up ? 'L7OK' : 'L7STS', code: 0, info, up };
}

/** The word as the agent wrote it. */
function wordOf(line: string, health: string): string {
  const words = line.split(/[ \t,]+/);
  return words.findLast((word) => word.toLowerCase() === health) ?? health;
}

function changeWeight(server: Server, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const found = /^(\d+)%$/.exec(text);
  if (!found) return 'Trailing garbage in weight string.';
  const weight = Math.floor((server.config.weight * Number(found[1])) / 100);
  return server.setWeight(Math.min(weight, MAX_WEIGHT));
}

function changeMaxconn(server: Server, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) return 'Trailing garbage in maxconn string.';
  server.setMaxconn(Number(text));
  return undefined;
}
