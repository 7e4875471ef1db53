/** Owns the paths on the health port by which the operator learns of a recorder: no SQL, no secret, and nothing is changed by asking. */
import { recorderStatus, type StatusParts } from './statusReport.ts';

type Answers = Readonly<Record<string, (query: URLSearchParams) => object | null>>;

export function statusAnswers(parts: () => StatusParts, hasAccepted: (from: string) => boolean): Answers {
  return {
    '/v1/recorder': () => recorderStatus(parts()),
    '/v1/recorder/connection': (query) => {
      const from = query.get('from');
      return from === null ? null : { seen: hasAccepted(from) };
    },
  };
}
