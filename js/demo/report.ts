import type { Decision, Policy, Verdict } from "../index.js";
import { bytes, count, el, hexDump, ms, plural } from "./dom.js";
import { pdqGrid, phashGrid } from "./grid.js";
import { conclude, decodedBy, form, proof, total } from "./words.js";

/** Everything the page knows about one attachment. */
export interface Account {
  file: File;
  verdict: Verdict;
  decision: Decision;
  policy: Policy;
  /** How many bits of 256 may lie between the second hashes of a picture and of an entry, as the manifest has it. */
  limit?: number;
  /** What went to the relay, if anything did. */
  sealed?: Uint8Array;
}

const DUMPED = 64;

/** Lays out what happened to one attachment, step by step. */
export function layOutReport(account: Account): HTMLElement[] {
  const { file, verdict, decision, policy } = account;
  const kind = el("span", `verdict verdict-${verdict.kind}`, verdict.kind);
  const head = el("p", "report-head", kind, el("b", "", file.name), ` ${conclude(verdict, decision, policy)}`);
  const steps = el("ol", "steps", decodeStep(account), hashStep(verdict), probeStep(verdict), askStep(account));
  return [head, steps, departures(account)];
}

function step(title: string, time: number, ...body: (Node | string)[]): HTMLElement {
  const heading = el("h3", "", title);
  if (time > 0) heading.append(el("span", "time", ms(time)));
  return el("li", "step", heading, ...body);
}

function facts(rows: [string, string][]): HTMLElement {
  return el("dl", "facts", ...rows.flatMap(([name, value]) => [el("dt", "", name), el("dd", "", value)]));
}

function decodeStep({ file, verdict: { kind, report } }: Account): HTMLElement {
  const unknown = kind === "unsupported" ? "not recognised" : "not looked at";
  const rows: [string, string][] = [
    ["File", bytes(file.size)],
    ["Format", report.format ? report.format.toUpperCase() : unknown],
  ];
  if (report.width > 0) rows.push(["Pixels", `${report.width} × ${report.height}`]);
  const { read, digest, total } = report.timings;
  if (report.decoder) rows.push(["Decoded by", decodedBy(report)]);
  if (read > 0) rows.push(["Read", ms(read)], ["Waited for the digest", ms(digest)], ["In all", ms(total)]);
  return step("Decode", report.timings.decode, facts(rows));
}

function hashStep({ report }: Verdict): HTMLElement {
  if (!report.picture) return step("Hash", 0, el("p", "quiet", "Nothing was hashed."));
  const { phash, margins, pdq, quality } = report.picture;
  const legend = el(
    "p",
    "legend",
    "Filled is 1, outlined is 0. Of the pHash, the smaller a square, the less sure its bit, and the sooner it is flipped. The " +
      "PDQ hash is the second hash: whole, it never leaves this page.",
  );
  const hashes = el("div", "hashes", hash("pHash", phash, phashGrid(phash, margins)), hash("PDQ", pdq, pdqGrid(pdq)));
  return step("Hash", 0, hashes, facts([["Quality", `${quality} of 100`]]), legend);
}

function hash(name: string, value: string, drawing: SVGElement): HTMLElement {
  const caption = el("figcaption", "", name, el("code", "hash", value));
  return el("figure", "", el("div", "grid-frame", drawing), caption);
}

function probeStep({ report }: Verdict): HTMLElement {
  const rows: [string, string][] = [
    ["Probes tried", count(report.probes)],
    [
      "Filter",
      report.probes === 0
        ? "not asked"
        : report.candidates.length === 0
          ? "no hit"
          : plural(report.candidates.length, "candidate"),
    ],
  ];
  const body: Node[] = [facts(rows)];
  if (report.candidates.length > 0) {
    const cells = (tag: "th" | "td", ...values: string[]) => el("tr", "", ...values.map((value) => el(tag, "", value)));
    const head = cells("th", "Lane", "Probe", "Flipped", "Picture");
    for (const cell of head.children) cell.setAttribute("scope", "col");
    const rows = report.candidates.map((c) => cells("td", c.lane, count(c.probe), plural(c.distance, "bit"), form(c)));
    body.push(el("table", "", el("caption", "hidden", "Candidates"), el("thead", "", head), el("tbody", "", ...rows)));
  }
  return step("Probe", report.timings.probe, ...body);
}

function askStep({ verdict, limit }: Account): HTMLElement {
  const { report } = verdict;
  if (report.requests === 0) {
    const isIdle = report.probes > 0 && report.candidates.length === 0;
    const words = isIdle ? "No round trip: there was nothing to ask." : "No round trip.";
    return step("Confirm", 0, el("p", "", words));
  }
  return step(
    "Confirm",
    report.timings.confirm,
    facts([
      ["Round trips", count(report.requests)],
      ["Asked", plural(total(report.sent), "byte")],
      ["Answered", plural(report.received, "byte")],
      ...(verdict.kind === "match" ? proof(verdict, limit) : []),
    ]),
  );
}

function departures({ verdict: { report }, sealed }: Account): HTMLElement {
  const parts: HTMLElement[] = report.sent.map((body) => dump(described(body), body));
  if (sealed) parts.push(dump("To the relay, sealed for Bob", sealed));
  const size = total(sealed ? [...report.sent, sealed] : report.sent);
  const title = el("h3", "", "What left this page", el("span", "time", plural(size, "byte")));
  if (size === 0) parts.push(el("p", "quiet", "Nothing."));
  return el("section", "departures", title, ...parts);
}

/** Questions begin with their type, 1; what else is sent is the path of a bucket. */
function described(body: Uint8Array): string {
  if (body[0] === 1) return "To the confirmation server, blinded";
  return "To the confirmation server, which bucket of encrypted entries is wanted";
}

function dump(title: string, body: Uint8Array): HTMLElement {
  const isCut = body.length > DUMPED;
  const size = isCut ? `${plural(body.length, "byte")}, of which the first ${DUMPED}` : plural(body.length, "byte");
  const text = el("pre", "hex", hexDump(body.subarray(0, DUMPED)) + (isCut ? "\n…" : ""));
  text.tabIndex = 0;
  text.setAttribute("aria-label", `${title}: hexadecimal`);
  text.setAttribute("role", "group");
  return el("div", "departure", el("p", "", el("b", "", title), ` ${size}`), text);
}
