import { type ConnectStep, connectStep } from '../../checks/steps.ts';
import { parseAddress } from '../address.ts';
import { isHostName } from '../host-names.ts';
import type { StepArguments } from './step-arguments.ts';

const KNOWN =
  "'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or 'via-socks4', 'linger', 'default'";
const MAX_PORT = 65_535;

/** `connect [option*]` of tcp-check and http-check (manual, `tcp-check connect`). */
export function parseConnect(words: StepArguments): ConnectStep {
  const step = connectStep();
  for (; !words.done; words.at += 1) {
    switch (words.word) {
      case 'default':
        step.defaults = true;
        break;
      case 'send-proxy':
        step.sendProxy = true;
        break;
      case 'linger':
        step.linger = true;
        break;
      case 'ssl':
        step.tls = true;
        break;
      case 'comment':
        step.comment = words.value();
        break;
      case 'sni':
        step.sni = words.value();
        break;
      case 'alpn':
        step.alpn = words.value().split(',');
        break;
      case 'port':
        step.port = portOf(words);
        break;
      case 'addr':
        setAddress(step, words);
        break;
      case 'via-socks4':
        step.viaSocks4 = true;
        break;
      case 'proto':
        words.fail(`unsupported '${words.word}': HAProxy has it, this balancer does not.`);
        break;
      default:
        words.fail(`expects ${KNOWN} but got '${words.word}' as argument.`);
    }
  }
  return step;
}

function portOf(words: StepArguments): number {
  const text = words.value('a port number or a sample expression as argument.');
  if (!/^\d+$/.test(text)) {
    words.fail(`a port by sample expression ('${text}') is not supported; a number is.`);
  }
  const port = Number(text);
  if (port < 1 || port > MAX_PORT) {
    words.fail(
      `expects a valid TCP port (from range 1 to 65535) or a sample expression, got ${text}.`,
    );
  }
  return port;
}

function setAddress(step: ConnectStep, words: StepArguments): void {
  const text = words.value('<ipv4|ipv6> as argument.');
  const parsed = parseAddress(text, words.context.environment);
  if (parsed.error !== undefined) words.fail(`'addr' : ${parsed.error}.`);
  const { host, ports, family } = parsed.address;
  if (host === '') words.fail(`'addr' : invalid address: '${text}'.`);
  step.addr = host;
  if (ports) step.port ??= ports.first;
  if (!isHostName(host)) return;
  words.context.hostNames.add({
    name: host,
    family,
    position: words.position,
    subject: "'addr'",
    apply: (address) => {
      step.addr = address;
    },
  });
}
