// What /debug/events tells, as whoever follows it knows it.

import { Report } from '../../../src/web/debug/report.js';

/** Reads server-sent events: { kind, text } each, but for those that say nothing. */
export async function* events(body) {
  let read = '';
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    read += piece;
    const whole = read.split('\n\n');
    read = whole.pop();
    for (const event of whole) {
      const fields = Object.fromEntries(event.split('\n').filter((line) => !line.startsWith(':')).map((line) => line.split(/: (.*)/s)));
      if (fields.data !== undefined && fields.event !== 'beat') yield { kind: fields.event ?? 'message', text: fields.data };
    }
  }
}

/** Everything that is known after each event, as /debug shows it. */
export async function* reports(body) {
  const known = new Report();
  for await (const { kind, text } of events(body)) {
    known.take(kind, JSON.parse(text));
    yield known.toJSON();
  }
}
