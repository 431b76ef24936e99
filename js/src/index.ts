/**
 * preseal checks an attachment before it is sealed: whether a picture is on a blocklist, without the picture or its hash
 * leaving the browser unless there is reason to ask.
 *
 * @packageDocumentation
 */

export { type ErrorCode, PresealError } from "./errors.js";
export { type CheckOptions, Matcher } from "./matcher.js";
export type { CheckProgress, OpenProgress, Proof, SnapshotInfo } from "./messages.js";
export type { OpenOptions, TrustOptions } from "./options.js";
export {
  type Candidate,
  type Decision,
  decide,
  emptyReport,
  type Lane,
  type Outcome,
  type Policy,
  type Report,
  type UnavailableReason,
  type UnsupportedReason,
  type Verdict,
} from "./verdict.js";
