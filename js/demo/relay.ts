/** The relay's limit for one message, in bytes. */
export const MAX_MESSAGE = 64 << 20;

const WAIT_SECONDS = 25;
const POST_TIMEOUT = 60_000;
const MAX_BACKOFF = 10_000;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A mailbox at the demo server: messages go in at one end and come out, in order, at the other. */
export class Box {
  private readonly url: string;

  constructor(name: string) {
    this.url = `/relay/${name}`;
  }

  /** Leaves a message. @throws Error in plain words if the relay did not take it. */
  async post(message: Uint8Array<ArrayBuffer>): Promise<void> {
    let response: Response;
    try {
      response = await fetch(this.url, {
        method: "POST",
        headers: { "Content-Type": "application/octet-stream" },
        body: message,
        credentials: "omit",
        signal: AbortSignal.timeout(POST_TIMEOUT),
      });
    } catch {
      throw new Error("the relay could not be reached");
    }
    if (!response.ok) throw new Error(`the relay refused it (status ${response.status})`);
  }

  /**
   * Waits for messages as long as the page lives, and says whether the relay answers. While it does not, tries again,
   * ever more slowly.
   */
  async *messages(onState: (isReachable: boolean) => void): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let failures = 0; ; ) {
      let message: Uint8Array<ArrayBuffer> | undefined;
      try {
        message = await this.take();
        failures = 0;
        onState(true);
      } catch {
        onState(false);
        await pause(Math.min(MAX_BACKOFF, 500 * 2 ** failures++));
      }
      if (message) yield message;
    }
  }

  private async take(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const response = await fetch(`${this.url}?wait=${WAIT_SECONDS}`, {
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout((WAIT_SECONDS + 15) * 1000),
    });
    if (response.status === 204) return undefined;
    if (!response.ok) throw new Error(`status ${response.status}`);
    const message = new Uint8Array(await response.arrayBuffer());
    if (message.length === 0) throw new Error("no message"); // a server that goes down ends the wait like this
    return message;
  }
}
