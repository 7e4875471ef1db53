/** Whether a session is idle on the wire, message by message: `>` the client's tags, `<` the server's, `?` idle or busy. */
import { clientMarks, InFlight, serverMarks } from './inFlight.ts';

const cases: readonly { readonly name: string; readonly script: string }[] = [
  { name: 'startup', script: '?busy >p ?busy <Z:I ?idle' },
  { name: 'a query', script: '<Z:I >Q ?busy <Z:I ?idle' },
  { name: 'in a transaction', script: '<Z:I >Q <Z:T ?busy >Q <Z:I ?idle' },
  { name: 'a failed transaction', script: '<Z:I >Q <E <Z:E ?busy >Q <Z:I ?idle' },
  { name: 'a pipeline of queries', script: '<Z:I >Q >Q >Q <Z:I ?busy <Z:I ?busy <Z:I ?idle' },
  { name: 'messages without Sync', script: '<Z:I >P ?busy >B ?busy >E ?busy >H ?busy >S ?busy <Z:I ?idle' },
  { name: 'a Parse behind the Sync', script: '<Z:I >P >S >P <Z:I ?busy >S <Z:I ?idle' },
  { name: 'a function call', script: '<Z:I >F ?busy <Z:I ?idle' },
  { name: 'COPY by Query', script: '<Z:I >Q <G >d ?busy >c ?busy <Z:I ?idle' },
  { name: 'COPY by Query that fails', script: '<Z:I >Q <G >d <E <Z:I >d ?idle' },
  {
    name: 'COPY by Execute as libpq does: its first Sync is swallowed',
    script: '<Z:I >B >E >S <G >d >c >S ?busy <Z:I ?idle',
  },
  { name: 'the same, all sent at once', script: '<Z:I >B >E >d >c >S <G ?busy <Z:I ?idle' },
  { name: 'more Syncs while it copies', script: '<Z:I >B >E >S >S <G >S >d >c >S ?busy <Z:I ?idle' },
  { name: 'COPY by Execute that fails in its data', script: '<Z:I >B >E >S <G >d <E >S ?busy <Z:I ?idle' },
  { name: 'COPY by Execute that fails before', script: '<Z:I >B >E >S <E ?busy <Z:I ?idle' },
  {
    name: 'a COPY between statements',
    script: '<Z:I >E >S <Z:I >B >E >S <G >d >c >S <Z:I ?idle >Q <Z:I ?idle',
  },
  { name: 'a status that was cut off its header', script: '<Z:I >Q <Z:? ?busy >Q <Z:I ?idle' },
  { name: 'more answers than questions: never again', script: '<Z:I <Z:I ?busy >Q <Z:I ?busy >Q ?busy' },
  { name: 'it says farewell', script: '<Z:I >X ?busy' },
];

it.each(cases)('$name', ({ script }) => {
  const inFlight = new InFlight();
  let last = 0;
  let said = '';
  for (const step of script.split(' ')) {
    said += ` ${step}`;
    const tag = step.charCodeAt(1);
    if (step.startsWith('?')) {
      const state = inFlight.isIdle(last) ? '?idle' : '?busy';
      expect(`${said.slice(0, -step.length)}${state}`).toBe(said);
    } else if (step.startsWith('>')) {
      last = tag;
      if (clientMarks[tag] === 1) inFlight.client(tag);
    } else if (serverMarks[tag] === 1) {
      const status = step.slice(3);
      inFlight.server(tag, status === '?' ? 0 : status.charCodeAt(0));
    }
  }
});
