/** The transition table as SPEC.md shows it. */
import { type Head, heads, type Reply, replies, transitions } from './transitions.ts';

const shortReplies: Record<Reply, string> = {
  ParseComplete: '1',
  BindComplete: '2',
  CloseComplete: '3',
  NotificationResponse: 'A',
  CommandComplete: 'C',
  DataRow: 'D',
  ErrorResponse: 'E',
  CopyInResponse: 'G',
  CopyOutResponse: 'H',
  CopyBothResponse: 'W',
  CopyData: 'd',
  CopyDone: 'c',
  EmptyQueryResponse: 'I',
  BackendKeyData: 'K',
  NoticeResponse: 'N',
  Authentication: 'R',
  ParameterStatus: 'S',
  RowDescription: 'T',
  NoData: 'n',
  FunctionCallResponse: 'V',
  PortalSuspended: 's',
  ParameterDescription: 't',
  NegotiateProtocolVersion: 'v',
  ReadyForQuery: 'Z',
  unknown: '?',
};

/** One line per head: every reply that has a meaning there; all others are `lost`. */
export function renderTable(): string {
  const rows = heads.map((head) => `| \`${head}\` | ${cells(head)} |`);
  return ['| head | replies |', '| --- | --- |', ...rows].join('\n');
}

function cells(head: Head): string {
  const byStep = new Map<string, string[]>();
  for (const reply of replies) {
    const step = transitions[head][reply];
    byStep.set(step, [...(byStep.get(step) ?? []), shortReplies[reply]]);
  }
  return [...byStep].map(([step, letters]) => `${letters.join(' ')} → ${step}`).join('; ');
}
