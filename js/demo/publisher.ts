/** What the demo server lets the page do with its list, as its publisher would. */

/** A row of /samples/index.json. */
export interface Sample {
  file: string;
  title: string;
  /** Whether it is on the list, or found to be a copy of a picture there. */
  listed: boolean;
  variant: string;
}

/** Fetches the samples' index as it stands. @throws Error in plain words */
export async function fetchSamples(): Promise<Sample[]> {
  const response = await ask("/samples/index.json", { cache: "no-cache" });
  return response.json();
}

/** Puts a sample on the list, and returns the version that has it, which is published then. @throws Error in plain words */
export async function addToList(file: string): Promise<number> {
  const headers = { "Content-Type": "application/json" };
  const response = await ask("/demo/list", { method: "POST", headers, body: JSON.stringify({ add: file }) });
  const { version }: { version: number } = await response.json();
  return version;
}

/** Lets the next look for an update meet a fault in place of the list. @throws Error in plain words */
export async function breakNext(fault: string): Promise<void> {
  await ask(`/demo/faults/${encodeURIComponent(fault)}`, { method: "POST" });
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, { ...init, credentials: "omit" }).catch(() => {
    throw new Error("the demo server could not be reached");
  });
  if (response.ok) return response;
  const reason = (await response.text().catch(() => "")).trim();
  throw new Error(reason || `the demo server answered with status ${response.status}`);
}
