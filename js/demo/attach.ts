/** Hands over files that are picked, dropped anywhere on the page, or pasted. */
export function onAttach(
  button: HTMLButtonElement,
  picker: HTMLInputElement,
  target: HTMLElement,
  attach: (files: File[]) => void,
): void {
  button.addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    attach([...(picker.files ?? [])]);
    picker.value = "";
  });

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    attach(files);
  });

  // Without these a browser leaves the page to show a file that was dropped beside its target.
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  let depth = 0;
  const mark = (change: number) => {
    depth = Math.max(0, depth + change);
    target.classList.toggle("dropping", depth > 0);
  };
  window.addEventListener("dragenter", (event) => carriesFiles(event) && mark(1));
  window.addEventListener("dragleave", (event) => carriesFiles(event) && mark(-1));
  window.addEventListener("dragover", (event) => {
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    attach([...(event.dataTransfer?.files ?? [])]);
  });
}
