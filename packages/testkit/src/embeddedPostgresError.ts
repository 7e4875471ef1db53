/** What can go wrong in starting the embedded PostgreSQL; the message says what the person can do. */
export class EmbeddedPostgresError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedPostgresError';
    this.code = code;
  }
}
