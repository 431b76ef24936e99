import { el, find } from "./dom.js";
import type { Config } from "./gate.js";

interface Fault {
  label: string;
  hint: string;
  change: Partial<Config>;
}

/** What can be done with a fault. */
export interface Breakage {
  /** Opens the list with what the fault changes in the configuration. */
  reopen(change: Partial<Config>): Promise<void>;
  /** Lets the open list meet the fault of that name in an update. */
  update(fault: string): Promise<void>;
}

const confirmation = "It shows on a picture that needs a confirmation: try one that is on the list.";

const FAULTS: Record<string, Record<string, Fault>> = {
  Nothing: {
    none: { label: "All is well", hint: "The list and its confirmation server as they should be.", change: {} },
  },
  "The list": {
    corrupt: {
      label: "Altered on its way",
      hint: "One byte of the snapshot differs from what was signed.",
      change: { snapshot: "/faults/corrupt/" },
    },
    unsigned: {
      label: "Signed by another",
      hint: "The manifest lacks the signature of the authority that this page trusts.",
      change: { snapshot: "/faults/unsigned/" },
    },
    "not-countersigned": {
      label: "Not countersigned",
      hint: "The authority has signed, the auditor has not. This page asks for both.",
      change: { snapshot: "/faults/not-countersigned/" },
    },
    expired: { label: "Expired", hint: "Properly signed, and out of date.", change: { snapshot: "/faults/expired/" } },
    "rolled-back": {
      label: "Rolled back",
      hint: "Properly signed, and older than what this browser has seen.",
      change: { snapshot: "/faults/rolled-back/" },
    },
    conflicting: {
      label: "Forked",
      hint: "Properly signed, and another list of the version that this browser has seen.",
      change: { snapshot: "/faults/conflicting/" },
    },
    "broken-chain": {
      label: "Not its successor",
      hint: "Properly signed, and the next version, but of another list than this browser has seen.",
      change: { snapshot: "/faults/broken-chain/" },
    },
    missing: {
      label: "Missing",
      hint: "The server has no list at that address.",
      change: { snapshot: "/faults/missing/" },
    },
  },
  "The confirmation server": {
    "confirm-down": { label: "Down", hint: confirmation, change: { confirm: "/faults/confirm-down/" } },
    "confirm-500": { label: "Answers with an error", hint: confirmation, change: { confirm: "/faults/confirm-500/" } },
    "confirm-garbage": {
      label: "Answers with garbage",
      hint: confirmation,
      change: { confirm: "/faults/confirm-garbage/" },
    },
    "confirm-other-key": {
      label: "Of another list",
      hint: `${confirmation} It has another key than the list names, and says so.`,
      change: { confirm: "/faults/confirm-other-key/" },
    },
    "confirm-bad-proof": {
      label: "An impostor",
      hint: `${confirmation} The proof of its answers does not hold.`,
      change: { confirm: "/faults/confirm-bad-proof/" },
    },
    "confirm-no-entry": {
      label: "Hides an entry",
      hint: `${confirmation} Its answers are right, but the entries are gone.`,
      change: { confirm: "/faults/confirm-no-entry/" },
    },
    "confirm-slow": {
      label: "Never answers",
      hint: `${confirmation} The check can be cancelled.`,
      change: { confirm: "/faults/confirm-slow/" },
    },
  },
};

/** Shows the menu of faults. The chosen one can be met on opening and, if it is one of the list, in an update. */
export function offerFaults(breakage: Breakage): void {
  const form = find(document, "#break", HTMLFormElement);
  const select = find(form, "select", HTMLSelectElement);
  const hint = find(form, "#fault-hint", HTMLElement);
  const update = find(form, "#fault-update", HTMLButtonElement);
  const byId = new Map(Object.values(FAULTS).flatMap((group) => Object.entries(group)));
  for (const [label, faults] of Object.entries(FAULTS)) {
    const group = el("optgroup");
    group.label = label;
    for (const [value, fault] of Object.entries(faults)) group.append(new Option(fault.label, value));
    select.append(group);
  }
  const describe = () => {
    const fault = byId.get(select.value);
    hint.textContent = fault?.hint ?? "";
    update.hidden = fault?.change.snapshot === undefined;
  };
  select.setAttribute("aria-describedby", hint.id);
  select.addEventListener("change", describe);
  describe();
  form.parentElement?.removeAttribute("hidden");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void breakage.reopen(byId.get(select.value)?.change ?? {});
  });
  update.addEventListener("click", () => {
    breakage.update(select.value).catch((error) => {
      hint.textContent = `The fault could not be made: ${error instanceof Error ? error.message : error}.`;
    });
  });
}
