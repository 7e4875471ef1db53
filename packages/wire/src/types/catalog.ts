/**
 * Owns the table of built-in types: OID, name, array OID, decoder. Source:
 * `src/include/catalog/pg_type.dat`. OIDs of extensions, enums, domains and composites differ from database
 * to database and are not here.
 */
import { date, interval, time, timestamp, timestamptz, timetz } from './calendar.ts';
import { arrayDecoder, multirangeDecoder, opaque, rangeDecoder, record, vectorDecoder } from './container.ts';
import { float4, float8 } from './float.ts';
import { box, circle, line, lseg, path, point, polygon } from './geometry.ts';
import { cidr, inet, macaddr, macaddr8 } from './network.ts';
import { numeric } from './numeric.ts';
import * as scalar from './scalar.ts';
import { tsquery, tsvector } from './textSearch.ts';
import type { KnownType, TypeLookup, ValueDecoder } from './valueDecoder.ts';

/** OID, name, OID of its array (0: none), decoder. */
type Row = readonly [number, string, number, ValueDecoder];

const {
  bits,
  bool,
  bytea,
  char,
  int2,
  int4,
  int8,
  lsn,
  name,
  snapshot,
  text,
  tid,
  uint4,
  uint8,
  uuid,
  versionedText,
} = scalar;

const rows: readonly Row[] = [
  [16, 'bool', 1000, bool],
  [17, 'bytea', 1001, bytea],
  [18, 'char', 1002, char],
  [19, 'name', 1003, name],
  [20, 'int8', 1016, int8],
  [21, 'int2', 1005, int2],
  [22, 'int2vector', 1006, vectorDecoder(21)],
  [23, 'int4', 1007, int4],
  [24, 'regproc', 1008, uint4],
  [25, 'text', 1009, text],
  [26, 'oid', 1028, uint4],
  [27, 'tid', 1010, tid],
  [28, 'xid', 1011, uint4],
  [29, 'cid', 1012, uint4],
  [30, 'oidvector', 1013, vectorDecoder(26)],
  [71, 'pg_type', 210, record],
  [75, 'pg_attribute', 270, record],
  [81, 'pg_proc', 272, record],
  [83, 'pg_class', 273, record],
  [114, 'json', 199, text],
  [142, 'xml', 143, text],
  [194, 'pg_node_tree', 0, opaque],
  [600, 'point', 1017, point],
  [601, 'lseg', 1018, lseg],
  [602, 'path', 1019, path],
  [603, 'box', 1020, box],
  [604, 'polygon', 1027, polygon],
  [628, 'line', 629, line],
  [650, 'cidr', 651, cidr],
  [700, 'float4', 1021, float4],
  [701, 'float8', 1022, float8],
  [705, 'unknown', 0, text],
  [718, 'circle', 719, circle],
  [774, 'macaddr8', 775, macaddr8],
  // Cents, or whatever lc_monetary makes of them: only the server knows.
  [790, 'money', 791, opaque],
  [829, 'macaddr', 1040, macaddr],
  [869, 'inet', 1041, inet],
  [1033, 'aclitem', 1034, opaque],
  [1042, 'bpchar', 1014, text],
  [1043, 'varchar', 1015, text],
  [1082, 'date', 1182, date],
  [1083, 'time', 1183, time],
  [1114, 'timestamp', 1115, timestamp],
  [1184, 'timestamptz', 1185, timestamptz],
  [1186, 'interval', 1187, interval],
  [1248, 'pg_database', 0, record],
  [1266, 'timetz', 1270, timetz],
  [1560, 'bit', 1561, bits],
  [1562, 'varbit', 1563, bits],
  [1700, 'numeric', 1231, numeric],
  [1790, 'refcursor', 2201, text],
  [2202, 'regprocedure', 2207, uint4],
  [2203, 'regoper', 2208, uint4],
  [2204, 'regoperator', 2209, uint4],
  [2205, 'regclass', 2210, uint4],
  [2206, 'regtype', 2211, uint4],
  [2249, 'record', 2287, record],
  [2275, 'cstring', 1263, text],
  [2278, 'void', 0, scalar.nothing],
  [2842, 'pg_authid', 0, record],
  [2843, 'pg_auth_members', 0, record],
  [2950, 'uuid', 2951, uuid],
  [2970, 'txid_snapshot', 2949, snapshot],
  [3220, 'pg_lsn', 3221, lsn],
  [3361, 'pg_ndistinct', 0, opaque],
  [3402, 'pg_dependencies', 0, opaque],
  [3614, 'tsvector', 3643, tsvector],
  [3615, 'tsquery', 3645, tsquery],
  [3642, 'gtsvector', 3644, opaque],
  [3734, 'regconfig', 3735, uint4],
  [3769, 'regdictionary', 3770, uint4],
  [3802, 'jsonb', 3807, versionedText],
  [3904, 'int4range', 3905, rangeDecoder(23)],
  [3906, 'numrange', 3907, rangeDecoder(1700)],
  [3908, 'tsrange', 3909, rangeDecoder(1114)],
  [3910, 'tstzrange', 3911, rangeDecoder(1184)],
  [3912, 'daterange', 3913, rangeDecoder(1082)],
  [3926, 'int8range', 3927, rangeDecoder(20)],
  [4066, 'pg_shseclabel', 0, record],
  [4072, 'jsonpath', 4073, versionedText],
  [4089, 'regnamespace', 4090, uint4],
  [4096, 'regrole', 4097, uint4],
  [4191, 'regcollation', 4192, uint4],
  [4451, 'int4multirange', 6150, multirangeDecoder(3904)],
  [4532, 'nummultirange', 6151, multirangeDecoder(3906)],
  [4533, 'tsmultirange', 6152, multirangeDecoder(3908)],
  [4534, 'tstzmultirange', 6153, multirangeDecoder(3910)],
  [4535, 'datemultirange', 6155, multirangeDecoder(3912)],
  [4536, 'int8multirange', 6157, multirangeDecoder(3926)],
  [4600, 'pg_brin_bloom_summary', 0, opaque],
  [4601, 'pg_brin_minmax_multi_summary', 0, opaque],
  [5017, 'pg_mcv_list', 0, opaque],
  [5038, 'pg_snapshot', 5039, snapshot],
  [5069, 'xid8', 271, uint8],
  [6101, 'pg_subscription', 0, record],
];

/** `box` is the one type whose arrays do not separate by commas. */
const boxOid = 603;

function catalogOf(table: readonly Row[]): ReadonlyMap<number, KnownType> {
  const types = new Map<number, KnownType>();
  for (const [oid, name, arrayOid, decode] of table) {
    types.set(oid, { name, decode });
    if (arrayOid === 0) continue;
    types.set(arrayOid, { name: `${name}[]`, decode: arrayDecoder(oid, oid === boxOid ? ';' : ',') });
  }
  return types;
}

const catalog = catalogOf(rows);

/** A type that has the same OID in every database; an array's name is `name[]`. */
export const builtInType: TypeLookup = (oid) => catalog.get(oid);

/** Every OID of the table, arrays included. */
export function knownOids(): number[] {
  return [...catalog.keys()];
}
