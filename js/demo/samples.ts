import { button, el } from "./dom.js";
import { fetchSamples, type Sample } from "./publisher.js";

/** The pictures to try, as buttons. Every file is fetched when the page loads, so that choosing one causes no request. */
export class Shelf {
  private readonly tags = new Map<string, HTMLElement>();

  /** `onSamples` hears which samples are on the list, each time that is fetched. */
  constructor(
    private readonly root: HTMLElement,
    private readonly attach: (file: File) => void,
    private readonly onSamples: (samples: Sample[]) => void,
  ) {}

  /** Fetches the files and lays them out. @throws Error in plain words */
  async open(): Promise<void> {
    const samples = await fetchSamples();
    const blobs = await Promise.all(samples.map(({ file }) => load(file)));
    this.root.replaceChildren(
      ...samples.map(({ file, title }, at) => {
        const blob = blobs[at] ?? new Blob();
        return this.card(title, new File([blob], file, { type: blob.type }));
      }),
    );
    this.tell(samples);
  }

  /** Fetches what is listed by now. What cannot be fetched stays as it is. */
  async refresh(): Promise<void> {
    const samples = await fetchSamples().catch(() => undefined);
    if (samples) this.tell(samples);
  }

  private card(title: string, file: File): HTMLButtonElement {
    const picture = el("img", "thumb");
    picture.addEventListener("error", () => picture.replaceWith(el("span", "thumb")));
    picture.src = URL.createObjectURL(file); // kept as long as the page: the shelf never changes
    picture.alt = "";
    picture.draggable = false;
    picture.width = 128;
    picture.height = 80;
    const element = button("sample", "", () => this.attach(file));
    const tag = el("span", "tag");
    this.tags.set(file.name, tag);
    element.append(picture, tag, el("span", "sample-title", title));
    element.dataset.file = file.name;
    return element;
  }

  private tell(samples: Sample[]): void {
    for (const sample of samples) {
      const tag = this.tags.get(sample.file);
      tag?.classList.toggle("tag-listed", sample.listed);
      tag?.replaceChildren(describe(sample));
    }
    this.onSamples(samples);
  }
}

async function load(file: string): Promise<Blob> {
  const response = await fetch(`/samples/${encodeURIComponent(file)}`, { credentials: "omit" });
  if (!response.ok) throw new Error(`the sample ${file} could not be fetched (status ${response.status})`);
  return response.blob();
}

function describe({ variant, listed }: Sample): string {
  if (variant === "original" || variant === "unlisted") return listed ? "on the list" : "not on the list";
  return variant.replace("not-a-", "not a ");
}
