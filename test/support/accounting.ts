/** What was published to one topic, and which of it was acknowledged. */
export interface PublishedTopic {
  topic: string;
  qos: 1 | 2;
  /** How many messages were made: their numbers are 0 … made - 1. */
  made: number;
  /** Numbers that were acknowledged. */
  acknowledged: ReadonlySet<number>;
}

/** What one subscriber took. */
export interface TakenBy {
  subscriber: string;
  /** Of its subscription. */
  qos: 0 | 1 | 2;
  /** By topic: numbers in the order of reception, with repetitions. */
  taken: ReadonlyMap<string, readonly number[]>;
  /** Sees everything that was acknowledged: subscribed before, and with a session throughout. */
  complete: boolean;
}

/** The books of one run. All counts but the first two are over all subscribers. */
export interface Audit {
  published: number;
  acknowledged: number;
  /** First receptions. */
  received: number;
  /** Taken again at QoS 1, as MQTT permits. */
  repeated: number;
  /** Taken again although both sides said QoS 2. */
  doubled: number;
  /** Acknowledged, and not received by a subscriber that sees everything. */
  lost: number;
  /** First receptions after that of a later message of the same topic. */
  disordered: number;
  /** Received, although nobody made it. */
  invented: number;
  /** The first few faults in words. */
  examples: string[];
}

const EXAMPLES_MAX = 12;

/** Compares what was acknowledged with what each subscriber took. */
export function audit(topics: readonly PublishedTopic[], takers: readonly TakenBy[]): Audit {
  const books: Audit = {
    published: topics.reduce((sum, { made }) => sum + made, 0),
    acknowledged: topics.reduce((sum, topic) => sum + topic.acknowledged.size, 0),
    received: 0,
    repeated: 0,
    doubled: 0,
    lost: 0,
    disordered: 0,
    invented: 0,
    examples: [],
  };
  const note = (text: string): void => {
    if (books.examples.length < EXAMPLES_MAX) books.examples.push(text);
  };
  for (const taker of takers) {
    for (const topic of topics) {
      const numbers = taker.taken.get(topic.topic) ?? [];
      const exactly = taker.qos === 2 && topic.qos === 2;
      const where = `${taker.subscriber} ${topic.topic}`;
      const seen = new Set<number>();
      let latest = -1;
      for (const number of numbers) {
        if (!(number >= 0 && number < topic.made)) {
          books.invented++;
          note(`${where}: ${number} was never published`);
        } else if (seen.has(number)) {
          if (exactly) {
            books.doubled++;
            note(`${where}: ${number} twice`);
          } else books.repeated++;
        } else {
          if (number < latest) {
            books.disordered++;
            note(`${where}: ${number} after ${latest}`);
          }
          latest = Math.max(latest, number);
          seen.add(number);
          books.received++;
        }
      }
      if (!taker.complete) continue;
      const missing = [...topic.acknowledged].filter((number) => !seen.has(number));
      books.lost += missing.length;
      if (missing.length > 0) {
        const ends = `${missing[0]}…${missing.at(-1)}`;
        note(`${where}: ${missing.length} of ${topic.acknowledged.size} missing (${ends})`);
      }
    }
  }
  return books;
}
