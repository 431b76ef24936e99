/**
 * preseal checks an attachment before it is sealed: whether a picture is on a blocklist, without the picture or its hash
 * leaving the browser unless there is reason to ask.
 *
 * @packageDocumentation
 */

export { type ErrorCode, PresealError } from "./errors.js";
export { type CheckOptions, Matcher, type MatcherEvents, type UpdateOptions } from "./matcher.js";
export type { Arrival, CheckProgress, ManifestInfo, Mark, OpenProgress, Proof, SnapshotInfo } from "./messages.js";
export type { OpenOptions } from "./options.js";
export type { TrustOptions } from "./trust.js";
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
