/**
 * Why something failed. `network`, `timeout`, `server` (an HTTP status), `bad-answer`, `bad-proof` (the confirmation server
 * does not have the secret that the snapshot's public key promises), `unknown-key` (it has the key of another snapshot),
 * `busy` (it answers no more questions for now), `integrity` (the engine's bytes are not the ones this package was built
 * with), `version-mismatch`, `engine-failed`, `closed` and `bad-message` come from the package; the others are the reasons
 * for which a snapshot or an update of it is refused, in the order of the checks.
 */
export type ErrorCode = (typeof CODES)[number];

const CODES = [
  "network",
  "timeout",
  "server",
  "bad-answer",
  "bad-proof",
  "unknown-key",
  "busy",
  "integrity",
  "version-mismatch",
  "engine-failed",
  "closed",
  "bad-message",
  "too-large",
  "untrusted",
  "unsupported-version",
  "wrong-origin",
  "wrong-purpose",
  "rolled-back",
  "conflicting",
  "broken-chain",
  "not-yet-valid",
  "expired",
  "corrupt",
  "wrong-base",
  "overfull",
  "canary",
] as const;

/**
 * The error that the package rejects with, except for a programmer's mistake (`TypeError`, `RangeError`) and an abort
 * (`signal.reason`).
 *
 * @example
 * ```ts
 * try {
 *   await Matcher.open(options);
 * } catch (error) {
 *   if (error instanceof PresealError && error.code === "expired") tellTheOperator(error.message);
 *   else throw error;
 * }
 * ```
 */
export class PresealError extends Error {
  override readonly name = "PresealError";

  /** What went wrong, for programs. `message` says it for people. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether value is one of the error codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return (CODES as readonly unknown[]).includes(value);
}

/** Turns anything thrown into a PresealError; what is not one yet gets the code given. */
export function asPresealError(thrown: unknown, code: ErrorCode): PresealError {
  if (thrown instanceof PresealError) return thrown;
  return new PresealError(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
