/** Owns where the last accepted connections came from, so that somebody outside can ask whether his own arrived. */
import { addressText } from './addressText.ts';

const keptMax = 512;

export class AcceptedRing {
  readonly #from: string[] = [];
  #next = 0;

  /** Once per connection, when it is accepted. */
  add(address: string | undefined, port: number | undefined): void {
    if (address === undefined || port === undefined) return;
    this.#from[this.#next] = addressText(address, port);
    this.#next = (this.#next + 1) % keptMax;
  }

  /** @param from `10.0.0.7:5432`, `[fd00::7]:5432` */
  has(from: string): boolean {
    return this.#from.includes(from);
  }
}
