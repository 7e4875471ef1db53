/**
 * Owns the types of one database that its own catalog had to tell: enums, domains, composites, ranges, their arrays, and extensions'.
 * Knows no catalog and how nothing was learned.
 */
import { builtInType } from './catalog.ts';
import { arrayDecoder, multirangeDecoder, opaque, rangeDecoder, record } from './container.ts';
import { extensionDecoder } from './extension.ts';
import { name } from './scalar.ts';
import { giveUp, type KnownType, type TypeLookup, type ValueDecoder } from './valueDecoder.ts';

/** A row of `pg_type`, as much of it as decoding takes. */
export interface LearnedType {
  readonly oid: number;
  /** As `format_type` says it: with its schema, `[]` behind it for an array. */
  readonly name: string;
  /** `base`: what an extension or a superuser made in C. */
  readonly kind: 'enum' | 'domain' | 'composite' | 'range' | 'multirange' | 'array' | 'base';
  /** Type below a domain, bounds of a range, ranges of a multirange, elements of an array; else 0. */
  readonly of: number;
  /** Between the elements of an array. */
  readonly delimiter?: string;
  /** Of a `base` type: the extension it belongs to, and its name without schema. */
  readonly extension?: string;
  readonly bare?: string;
}

/** Domains over domains; deeper ones are not decoded. */
const domainsMax = 32;

export class LearnedTypes {
  readonly #types = new Map<number, KnownType & { readonly told: LearnedType }>();

  get size(): number {
    return this.#types.size;
  }

  /** Takes them in; a type told again replaces what was known. Built-in types are left alone. */
  learn(types: Iterable<LearnedType>): void {
    for (const told of types) {
      if (builtInType(told.oid) !== undefined) continue;
      this.#types.set(told.oid, { name: told.name, decode: this.#decoder(told), told });
    }
  }

  /** A type of this database, built in or learned. */
  readonly typeOf: TypeLookup = (oid) => builtInType(oid) ?? this.#types.get(oid);

  /** What was learned, as `learn` takes it. */
  *told(): Generator<LearnedType> {
    for (const { told } of this.#types.values()) yield told;
  }

  #decoder(told: LearnedType): ValueDecoder {
    switch (told.kind) {
      case 'enum':
        return name;
      case 'domain':
        return (cursor, context) => {
          const base = this.#below(told.of);
          return base === undefined ? giveUp(cursor, context) : base.decode(cursor, context);
        };
      case 'composite':
        return record;
      case 'range':
        return rangeDecoder(told.of);
      case 'multirange':
        return multirangeDecoder(told.of);
      case 'array':
        return arrayDecoder(told.of, told.delimiter ?? ',');
      default:
        return extensionDecoder(told.extension ?? '', told.bare ?? '') ?? opaque;
    }
  }

  /** The type at the bottom of a domain; undefined where it is not known. */
  #below(oid: number): KnownType | undefined {
    let at = oid;
    for (let i = 0; i < domainsMax; i += 1) {
      const learned = this.#types.get(at);
      if (learned?.told.kind !== 'domain') return learned ?? builtInType(at);
      at = learned.told.of;
    }
    return undefined;
  }
}
