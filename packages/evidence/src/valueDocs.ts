/** How parameter values are written, for docs/formats/record.md: what the tables of fields cannot say. Holds text alone. */

/** Reasons why a type stays unknown; the recorder's metric and log use the same words. */
const unknownReasons: readonly (readonly [string, string])[] = [
  ['credential_unreadable', 'the file with its password, or one of its TLS files, cannot be read'],
  ['unreachable', 'the server does not answer at that address'],
  ['tls_failed', 'no TLS, or not with the certificate that is expected'],
  ['login_refused', 'role or password are refused'],
  ['database_missing', 'there is no such database (any more)'],
  ['not_allowed', 'the role may not connect to that database, or not read its catalog'],
  ['server_full', 'the server has no connection left'],
  ['timed_out', 'no connection or no answer within `types.timeoutMs`'],
  ['query_failed', 'anything else the server said'],
  ['types_max', '10,000 types are learned already'],
  ['databases_max', 'types of 1,000 databases were asked for already'],
];

/** What is marked * takes the side connection. */
const writtenAs: readonly (readonly [string, string])[] = [
  ['built-in types with a binary format, but for those below', 'as PostgreSQL prints them'],
  [
    '`regclass`, `regproc`, `regtype` ...',
    'the OID in decimal: only the catalog of that moment has its name',
  ],
  ['`timestamptz`, `tstzrange`', 'in UTC, `+00`'],
  ['json, jsonb, jsonpath, xml', 'as sent: not put in order, not checked'],
  [
    'ranges, multiranges, tsvector, hstore',
    'in the order and with the bounds sent; the server would make them canonical',
  ],
  ['`money`', '`hex`: how many digits are cents is the session’s `lc_monetary`, which nobody tells'],
  ['`aclitem`, `gtsvector`, `pg_node_tree`, statistics', '`hex`: the server takes no such values in binary'],
  ['enum', 'its label *'],
  ['domain', 'as its base type *'],
  ['composite types, types of tables', '`(a,b,...)` *'],
  ['ranges and multiranges made by CREATE TYPE', 'as built-in ones *'],
  [
    'citext, hstore, ltree, lquery, ltxtquery, cube, vector, halfvec, sparsevec',
    'as the extension prints them *',
  ],
  ['PostGIS geometry, geography', 'EWKB in upper-case hex, in the byte order sent *'],
  ['other types', '`hex`; `type` is their name *'],
];

function rows(of: readonly (readonly [string, string])[]): string {
  return of.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export const valueReference = `# Parameter values

A value sent as text is kept as it was sent. A value sent in binary is decoded to what PostgreSQL prints with \`DateStyle = ISO\`,
\`IntervalStyle = postgres\`, \`TimeZone = UTC\`, \`bytea_output = hex\` and \`extra_float_digits = 1\`, the defaults; a test asks
a server about every type. Arrays of any dimension and lower bounds, rows, ranges and multiranges are decoded with what is in them.

| type | written as |
| --- | --- |
${rows(writtenAs)}

\\* Their OIDs differ from database to database. Without a side connection (\`types\` in the configuration), and before it has
told what a type is, such a value is \`type: "unknown"\`, \`enc: "hex"\`, with its OID. \`type\` is then the name with its schema.

\`enc\` is \`failed\` where the bytes are no value of the type: too short, too long, out of range, not UTF-8. \`v\` is then their
hex. A value of a type that is not read here, nested more than six deep, or that would print over 1 MiB inside another, is \`hex\`.

Why the side connection could not tell a type, by the words of the metric \`pgtape_recorder_type_lookups_total\` and of the log:

| reason | meaning |
| --- | --- |
${rows(unknownReasons.map(([reason, meaning]) => [`\`${reason}\``, meaning]))}
`;
