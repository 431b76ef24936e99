import { button, el } from "./dom.js";

/** A row of /samples/index.json. */
interface Sample {
  file: string;
  title: string;
  listed: boolean;
  variant: string;
}

/**
 * Fetches every sample at once and lays them out as buttons, so that choosing one later causes no request.
 * @throws Error in plain words
 */
export async function layOutSamples(shelf: HTMLElement, attach: (file: File) => void): Promise<void> {
  const index: Sample[] = await (await load("index.json")).json();
  const blobs = await Promise.all(index.map(async ({ file }) => (await load(file)).blob()));
  shelf.replaceChildren(
    ...index.map((sample, at) => {
      const file = new File([blobs[at] ?? new Blob()], sample.file, { type: blobs[at]?.type ?? "" });
      return card(sample, file, () => attach(file));
    }),
  );
}

async function load(file: string): Promise<Response> {
  const response = await fetch(`/samples/${encodeURIComponent(file)}`, { credentials: "omit" });
  if (!response.ok) throw new Error(`the sample ${file} could not be fetched (status ${response.status})`);
  return response;
}

function card(sample: Sample, file: File, attach: () => void): HTMLButtonElement {
  const picture = el("img", "thumb");
  picture.addEventListener("error", () => picture.replaceWith(el("span", "thumb")));
  picture.src = URL.createObjectURL(file); // kept as long as the page: the shelf never changes
  picture.alt = "";
  picture.draggable = false;
  picture.width = 128;
  picture.height = 80;
  const element = button("sample", "", attach);
  const tag = el("span", sample.listed ? "tag tag-listed" : "tag", describe(sample));
  element.append(picture, tag, el("span", "sample-title", sample.title));
  element.dataset.file = sample.file;
  return element;
}

function describe({ variant }: Sample): string {
  if (variant === "original") return "on the list";
  if (variant === "unlisted") return "not on the list";
  return variant.replace("not-a-", "not a ");
}
