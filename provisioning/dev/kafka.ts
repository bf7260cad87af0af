import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { formatKafka, kafkaId } from '../kafka/command.ts';
import { kafkaClassPath } from '../kafka/jars.ts';
import type { DataDir } from './data-dir.ts';
import { findProgram } from './find-program.ts';
import type { Output } from './output.ts';

const PROGRAMS = ['java', 'mvn'];
const REASON_MAX = 500;

/**
 * What has to be there before Kafka can start: its jars, and a folder that is made ready. Resolves
 * to the class path. Throws PROGRAM_MISSING.
 */
export async function prepareKafka(data: DataDir, output: Output): Promise<string> {
  const missing = PROGRAMS.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    const text = `Kafka needs ${missing.join(' and ')}, not installed`;
    throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, text, {
      hint: 'sudo apt-get install --no-install-recommends default-jre-headless maven',
    });
  }
  output.note('getting Kafka from Maven Central, where it is not here yet, and making it ready');
  try {
    const classPath = await kafkaClassPath();
    await formatKafka(classPath, data.rendered('kafka.properties'), kafkaId(data.root));
    return classPath;
  } catch (cause) {
    const text = `Kafka cannot be made ready: ${describeError(cause).slice(0, REASON_MAX)}`;
    throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, text);
  }
}
