import { charsetOf, decodeText, inUtf8, utf8 } from './charset.ts';

const cases = [
  { name: 'UTF8', hex: 'c3a9', text: 'é', isExact: true },
  { name: 'UTF8', hex: 'e9', text: '\ufffd', isExact: false },
  { name: 'UTF8', hex: 'efbfbd', text: '\ufffd', isExact: true },
  { name: 'LATIN1', hex: 'e980', text: 'é\u0080', isExact: true },
  { name: 'LATIN9', hex: 'a4', text: '€', isExact: true },
  { name: 'WIN1252', hex: '80e9', text: '€é', isExact: true },
  { name: 'WIN1251', hex: 'cff0', text: 'Пр', isExact: true },
  { name: 'KOI8R', hex: 'f0d2', text: 'Пр', isExact: true },
  { name: 'SJIS', hex: '83 5c', text: 'ソ', isExact: true },
  { name: 'EUC_JP', hex: 'bda4', text: '修', isExact: true },
  { name: 'BIG5', hex: 'a55c', text: '功', isExact: true },
  { name: 'GBK', hex: 'd5 5c', text: '誠', isExact: true },
  { name: 'GB18030', hex: '81308130', text: '\u0080', isExact: true },
  { name: 'UHC', hex: 'b0a1', text: '가', isExact: true },
  { name: 'UHC', hex: '61 8141 b0a1 c652 62', text: 'a갂가힣b', isExact: true },
  { name: 'UHC', hex: 'a2e6 20', text: '€ ', isExact: true },
  { name: 'EUC_JP', hex: '8ff4fe bda4', text: '黑修', isExact: true },
  { name: 'BIG5', hex: 'a145 a55c', text: '\u2022功', isExact: true },
  { name: 'BIG5', hex: 'a15a', text: '\ufffd', isExact: false },
  { name: 'GB18030', hex: '8135f437 a8bc 81308130', text: 'ḿ\ue7c7\u0080', isExact: true },
  { name: 'EUC_CN', hex: 'a1aa', text: '―', isExact: true },
  { name: 'SJIS', hex: '1a 1c 7f 83 5c b1', text: '\x1a\x1c\x7fソｱ', isExact: true },
  { name: 'SJIS', hex: '83', text: '\ufffd', isExact: false },
  { name: 'SQL_ASCII', hex: 'c3a9', text: 'é', isExact: true },
  { name: 'SQL_ASCII', hex: 'e9', text: '\ufffd', isExact: false },
  { name: 'JOHAB', hex: '61', text: 'a', isExact: true },
];

/** A text cut anywhere is the same text, short of at most the character that was cut. */
const cutTexts = [
  { name: 'UHC', hex: '61 8141 b0a1 c652 62', text: 'a갂가힣b' },
  { name: 'EUC_JP', hex: '8ff4fe bda4 41', text: '黑修A' },
  { name: 'GB18030', hex: '8135f437 a8bc 81308130', text: 'ḿ\ue7c7\u0080' },
];

describe('charset', () => {
  it.each(cutTexts)('$name, cut at every byte', ({ name, hex, text }) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    for (let end = 0; end <= bytes.length; end += 1) {
      const cut = decodeText(charsetOf(name), bytes.subarray(0, end), true);
      expect({ end, starts: text.startsWith(cut.text), isExact: cut.isExact }).toEqual({
        end,
        starts: true,
        isExact: true,
      });
    }
    expect(decodeText(charsetOf(name), bytes, true).text).toBe(text);
  });

  it.each(cases)('$name $hex', ({ name, hex, text, isExact }) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(decodeText(charsetOf(name), bytes, false)).toEqual({ text, isExact });
  });

  it('a text cut within a character loses that character alone', () => {
    const sjis = charsetOf('SJIS');
    expect(decodeText(sjis, Buffer.from('83 5c 83'.replaceAll(' ', ''), 'hex'), true)).toEqual({
      text: 'ソ',
      isExact: true,
    });
    expect(decodeText(sjis, Buffer.from('5c', 'hex'), false)).toEqual({ text: '\\', isExact: true });
  });

  it('those without a decoder say so', () => {
    const without = [
      'SQL_ASCII',
      'MULE_INTERNAL',
      'EUC_TW',
      'JOHAB',
      'EUC_JIS_2004',
      'SHIFT_JIS_2004',
      'toString',
    ];
    expect(without.map((name) => charsetOf(name).label)).toEqual(without.map(() => null));
    expect(charsetOf('UTF8')).toBe(utf8);
    expect(charsetOf('LATIN1')).toBe(charsetOf('LATIN1'));
  });

  it('an error in another encoding is read as text', () => {
    const body = Buffer.from('4dfc00', 'hex');
    expect(inUtf8(charsetOf('LATIN1'), body)).toEqual(Buffer.from('Mü\0'));
    expect(inUtf8(utf8, body)).toBe(body);
  });
});
