import { Box } from "./relay.js";
import { Identity, type Message, type Session } from "./seal.js";

/** How long to wait for the other person's key, in milliseconds. */
const HANDSHAKE = 60_000;

function expiry(milliseconds: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("the other key did not arrive in time")), milliseconds);
  });
}

/** One person's end of a conversation through the relay. */
export class Party {
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly session: Session,
    private readonly outbox: Box,
    private readonly inbox: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  ) {}

  /**
   * Makes keys, leaves the public one for the other person and waits for theirs.
   * `room` names the conversation at the relay; `onState` hears whether the relay answers.
   */
  static async join(room: string, me: string, them: string, onState: (isReachable: boolean) => void): Promise<Party> {
    const identity = await Identity.create();
    const outbox = new Box(`${room}-${them}`);
    const inbox = new Box(`${room}-${me}`).messages(onState);
    await outbox.post(identity.publicKey);
    const first = await Promise.race([inbox.next(), expiry(HANDSHAKE)]);
    if (first.done) throw new Error("the conversation was closed");
    return new Party(await identity.agree(me, them, first.value), outbox, inbox);
  }

  /** Digits that both people can compare. */
  get safety(): string {
    return this.session.safety;
  }

  /**
   * Seals a message and hands it to the relay. Messages go one after the other: the receiver refuses one that was
   * overtaken. Returns what was sent. @throws Error in plain words
   */
  send(message: Message): Promise<Uint8Array> {
    const turn = this.last.then(async () => {
      const sealed = await this.session.seal(message);
      await this.outbox.post(sealed);
      return sealed;
    });
    this.last = turn.catch(() => {});
    return turn;
  }

  /** Hands over messages as they arrive, and what could not be opened as an Error. */
  async listen(onMessage: (message: Message | Error) => void): Promise<void> {
    for await (const sealed of this.inbox) {
      onMessage(await this.session.open(sealed).catch(() => new Error("the message could not be opened")));
    }
  }
}
