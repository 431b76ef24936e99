import { el, find } from "./dom.js";
import type { Config } from "./gate.js";

interface Fault {
  label: string;
  hint: string;
  change: Partial<Config>;
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
      label: "Not signed",
      hint: "The manifest lacks a signature that this page trusts.",
      change: { snapshot: "/faults/unsigned/" },
    },
    expired: { label: "Expired", hint: "Properly signed, and out of date.", change: { snapshot: "/faults/expired/" } },
    "rolled-back": {
      label: "Rolled back",
      hint: "Properly signed, and older than what this browser has seen.",
      change: { snapshot: "/faults/rolled-back/" },
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
    "confirm-slow": {
      label: "Never answers",
      hint: `${confirmation} The check can be cancelled.`,
      change: { confirm: "/faults/confirm-slow/" },
    },
  },
};

/** Shows the menu of faults and calls back with what the chosen one changes in the configuration. */
export function offerFaults(reopen: (change: Partial<Config>) => void): void {
  const form = find(document, "#break", HTMLFormElement);
  const select = find(form, "select", HTMLSelectElement);
  const hint = find(form, "#fault-hint", HTMLElement);
  const byId = new Map(Object.values(FAULTS).flatMap((group) => Object.entries(group)));
  for (const [label, faults] of Object.entries(FAULTS)) {
    const group = el("optgroup");
    group.label = label;
    for (const [value, fault] of Object.entries(faults)) group.append(new Option(fault.label, value));
    select.append(group);
  }
  const describe = () => {
    hint.textContent = byId.get(select.value)?.hint ?? "";
  };
  select.setAttribute("aria-describedby", hint.id);
  select.addEventListener("change", describe);
  describe();
  form.parentElement?.removeAttribute("hidden");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    reopen(byId.get(select.value)?.change ?? {});
  });
}
