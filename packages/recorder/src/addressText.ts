/** How an address and its port are written: `10.0.0.7:5432`, `[fd00::7]:5432`. Pure. */

const mappedPrefix = '::ffff:';

/** Without the `::ffff:` that a socket for both families puts before an IPv4 address. */
export function plainAddress(address: string): string {
  const rest = address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : '';
  return rest.includes('.') ? rest : address;
}

export function addressText(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
