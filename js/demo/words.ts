import type {
  Arrival,
  Candidate,
  Decision,
  Outcome,
  Policy,
  Report,
  UnavailableReason,
  UnsupportedReason,
  Verdict,
} from "../index.js";
import { bytes, count, plural } from "./dom.js";

/** What the page says about one attachment. */
export interface Explanation {
  title: string;
  body: string;
}

const UNSUPPORTED: Record<UnsupportedReason, string> = {
  empty: "It is empty.",
  "not-an-image": "It is not a picture, and this list holds pictures.",
  format: "It is in a format that is not decoded here.",
  undecodable: "It begins like a picture, but it could not be decoded; it may be damaged or cut short.",
  "too-large": "It is larger than what can be checked here.",
  "too-complex": "It is put together from more parts than any program makes.",
  featureless: "It has too little structure to be recognised by: a blank page looks like every other blank page.",
};

const UNAVAILABLE: Record<UnavailableReason, string> = {
  "no-confirmation": "It needs a confirmation, and no confirmation server is set up.",
  network: "A server that is needed for the check could not be reached.",
  timeout: "A server that is needed for the check did not answer in time.",
  server: "A server that is needed for the check answered with an error.",
  "bad-answer": "The confirmation server’s answer made no sense, so it was not believed.",
  "bad-proof": "The confirmation server is not the one the list names, so it was not believed.",
  "unknown-key": "The confirmation server is ready for another version of the list than this page has.",
  busy: "The confirmation server has too much to do right now.",
  overflow: "It resembles more entries than one confirmation may ask about.",
  "decoder-untrusted": "This browser falsifies the pixels it hands out, so a hash of them would mean nothing.",
  "engine-failed": "The checking engine could not be started, or stopped working.",
  closed: "The list was closed while the file was checked.",
  "bad-message": "The checking engine gave an answer that makes no sense.",
  "version-mismatch": "The checking engine is of another version than this page.",
  integrity: "The checking engine is not the one this page was built with, so it was not started.",
  untrusted: "The list is not signed by anyone this page trusts.",
  corrupt: "The list was altered or damaged on its way here.",
  "wrong-origin": "The list comes from another publisher than the one this page expects.",
  "wrong-purpose": "The list was made for another purpose than this.",
  "rolled-back": "The list is older than one this browser has already seen.",
  conflicting: "There are two different lists of the same version, so this one was not believed.",
  "broken-chain": "The list does not continue the one this browser has seen before.",
  "not-yet-valid": "The list is dated in the future.",
  expired: "The list has expired and was not renewed.",
  "too-large": "The list is larger than what this page accepts.",
  "wrong-base": "The update is for another list than the one in use.",
  overfull: "The list would match nearly anything, so it was not believed.",
  canary: "The list fails its own self-test.",
  "unsupported-version": "The list is in a newer form than this page understands.",
};

/** Says in one sentence why a file, or the list itself, could not be used. */
export function why(outcome: Outcome): string {
  if (outcome.kind === "unsupported") return UNSUPPORTED[outcome.reason];
  return outcome.kind === "unavailable" ? UNAVAILABLE[outcome.reason] : "";
}

/** Says how a list came to be in this page. */
export function arrival({ source, downloaded }: Arrival): string {
  if (source === "delta") return `as a delta of ${bytes(downloaded)}`;
  if (source === "full") return `as a whole, ${bytes(downloaded)}`;
  return "from this browser, nothing was fetched";
}

const TURNED = [
  "",
  "mirrored",
  "mirrored top to bottom",
  "upside down",
  "mirrored and turned",
  "turned by 90°",
  "turned by 90°",
  "mirrored and turned",
];

/** Says in which form a picture hit the filter. */
export function form({ lane, window, orientation }: Candidate): string {
  if (lane === "sha256" || lane === "md5") return "the same file";
  const words = [TURNED[orientation] ?? "", window > 0 ? "inside a frame" : ""].filter(Boolean);
  return words.join(", ") || "as it is";
}

/** Names may break where a zero-width space is. */
const DECODERS = {
  jpeg: "preseal",
  imagedecoder: "the browser, by Image\u200bDecoder",
  bitmap: "the browser, by create\u200bImage\u200bBitmap",
  fallback: "preseal, since this browser’s canvas falsifies pixels",
} satisfies Record<NonNullable<Report["decoder"]>, string>;

/** Says what decoded a picture, and at which scale. */
export function decodedBy({ decoder, scale }: Report): string {
  if (!decoder) return "nothing";
  return scale === undefined
    ? DECODERS[decoder]
    : `${DECODERS[decoder]}, at ${scale === 1 ? "full size" : `1/${scale}`}`;
}

/** Lays out what made a match of a candidate. The limit is the manifest's. */
export function proof(match: Extract<Verdict, { kind: "match" }>, limit: number | undefined): [string, string][] {
  const rows: [string, string][] = [
    ["Proved in", `lane ${match.lane}, by probe ${count(match.probe)}`],
    ["Picture", form(match)],
  ];
  const atMost = limit === undefined ? "" : `; the list allows ${limit}`;
  if (match.secondHash === null) rows.push(["Second hash", "none needed"]);
  else rows.push(["Second hash", `${plural(match.secondHash, "bit")} of 256 apart${atMost}`]);
  return rows;
}

/** Explains why an attachment was held back. It states what is so, and accuses nobody. */
export function explainHeld(verdict: Verdict, policy: Policy): Explanation {
  if (verdict.kind === "match") {
    const thing = verdict.report.picture ? "picture" : "file";
    const asked = total(verdict.report.sent);
    const left =
      asked === 0 ? "" : ` except the ${bytes(asked)} that asked the confirmation server, which cannot tell what about`;
    return {
      title: `This ${thing} was not sent`,
      body:
        `It matches an entry on the blocklist this chat uses. Nothing about it left your device${left}, and nothing was ` +
        "reported to anyone. If you think this is a mistake, the publisher of the list can look into it.",
    };
  }
  if (verdict.kind === "unsupported") {
    return { title: "This file waits: it could not be checked", body: why(verdict) };
  }
  const after = policy === "fail-open" ? " Because a verification failed, it waits under either policy." : "";
  return { title: "This file waits: the check was not possible", body: why(verdict) + after };
}

/** Says, in a few words below a sent attachment, how its check ended. */
export function explainSent(verdict: Verdict): string {
  if (verdict.kind === "clear") return "Checked: clear, nothing was asked";
  if (verdict.kind === "cleared") return "Checked: cleared by the confirmation server";
  return `Sent unchecked: ${why(verdict).replace(/\.$/, "")}`;
}

const OUTCOMES: Record<Decision, string> = {
  send: "it was sealed and sent",
  hold: "it waits",
  block: "it was held back",
};

/** Says in a sentence or two what the check found and what the policy made of it. */
export function conclude(verdict: Verdict, decision: Decision, policy: Policy): string {
  const outcome = OUTCOMES[decision];
  switch (verdict.kind) {
    case "clear":
      return `No probe hit the filter, so there was nothing to ask and ${outcome}.`;
    case "cleared":
      return `The filter was hit, but the confirmation server lists no entry that is this picture, so ${outcome}.`;
    case "match":
      return `The confirmation server lists it, and the answer was checked here, so ${outcome}.`;
    default:
      if (decision === "hold" && policy === "fail-open") return `${why(verdict)} It waits: a verification failed.`;
      return `${why(verdict)} Under ${policy}, ${outcome}.`;
  }
}

/** Adds up the lengths of request bodies. */
export function total(bodies: Uint8Array[]): number {
  return bodies.reduce((n, body) => n + body.length, 0);
}
