/** The demo page: Alice and Bob, end-to-end encrypted, with preseal in front of the seal. */
import { type Policy, PresealError } from "../index.js";
import { onAttach } from "./attach.js";
import { Courier, deliver } from "./courier.js";
import { el, find } from "./dom.js";
import { offerFaults } from "./faults.js";
import { type Config, Gate, type Look, type State } from "./gate.js";
import { ListCard } from "./list.js";
import { Pane } from "./pane.js";
import { Party } from "./party.js";
import { breakNext } from "./publisher.js";
import { layOutReport } from "./report.js";
import { Shelf } from "./samples.js";
import type { Message } from "./seal.js";
import { Updates } from "./updates.js";

function trouble(text: string): void {
  const banner = find(document, "#banner", HTMLElement);
  banner.hidden = false;
  banner.textContent = text;
}

async function fetchConfig(): Promise<Config> {
  const response = await fetch("/demo.json", { cache: "no-cache", credentials: "omit" });
  if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
  return response.json();
}

function receive(pane: Pane, message: Message): HTMLElement {
  return "text" in message ? pane.text("theirs", message.text) : pane.file("theirs", message.file);
}

/** Joins one person to the conversation and shows what arrives for them. */
function join(room: string, me: string, them: string, pane: Pane): Promise<Party> {
  let safety = "";
  const onState = (isReachable: boolean) => {
    if (!isReachable) pane.connection("The relay cannot be reached. Trying again…", true);
    else if (safety) pane.connection(`Safety number ${safety}`);
  };
  const party = Party.join(room, me, them, onState);
  party.then(
    (joined) => {
      safety = joined.safety;
      onState(true);
      void joined.listen((message) => {
        if (message instanceof Error) pane.notice(el("p", "notice", "A message arrived that could not be opened."));
        else receive(pane, message).textContent = "Opened with the key made in this page";
      });
    },
    (error) =>
      pane.connection(`No conversation: ${error instanceof Error ? error.message : error}. Reload to try again.`, true),
  );
  pane.onText((text) => void deliver(pane.text("mine", text), party, { text }, () => "Sealed and sent"));
  return party;
}

async function main(): Promise<void> {
  find(document, "#stuck", HTMLElement).remove();
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle) {
    return trouble("This page needs WebCrypto, which browsers offer on https:// and on localhost only.");
  }
  if (typeof Worker === "undefined" || typeof WebAssembly === "undefined") {
    return trouble(
      "This page checks files in a worker with WebAssembly. This browser offers one of them no more, or not yet.",
    );
  }
  const alicePane = new Pane(find(document, "#alice", HTMLElement));
  const bobPane = new Pane(find(document, "#bob", HTMLElement));
  const room = crypto.randomUUID();
  const alice = join(room, "alice", "bob", alicePane);
  join(room, "bob", "alice", bobPane);

  const list = new ListCard();
  const updates = new Updates(() => gate.look());
  const onState = (state: State) => {
    list.show(state);
    updates.show(state);
  };
  const onLook = (look: Look) => {
    list.showLook(look);
    updates.showLook(look);
    if (look.kind === "updated") void shelf.refresh();
  };
  const gate = new Gate(onState, onLook);
  const policy = (): Policy =>
    find(document, "#policy", HTMLFormElement).policy.value === "fail-open" ? "fail-open" : "fail-closed";
  const report = find(document, "#report", HTMLElement);
  const courier = new Courier(alicePane, alice, gate, policy, (account) =>
    report.replaceChildren(...layOutReport(account)),
  );
  const attach = (files: File[]) => void courier.attach(files);
  onAttach(
    find(document, "#attach", HTMLButtonElement),
    find(document, "#picker", HTMLInputElement),
    alicePane.root,
    attach,
  );

  const samples = find(document, "#samples", HTMLElement);
  const shelf = new Shelf(
    samples,
    (file) => attach([file]),
    (all) => updates.offer(all),
  );
  shelf.open().catch((error) => {
    samples.textContent = `The samples are missing: ${error instanceof Error ? error.message : error}.`;
  });

  try {
    const config = await fetchConfig();
    offerFaults({
      async reopen(change) {
        courier.cancel();
        await gate.catchUp();
        await gate.open({ ...config, ...change });
      },
      async update(fault) {
        await gate.catchUp();
        await breakNext(fault);
        await gate.look();
      },
    });
    await gate.open(config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    gate.fail(new PresealError("network", `demo.json: ${reason}`));
    trouble("The demo server’s configuration could not be read, so there is no list. Is “preseal demo” running?");
  }
}

void main();
