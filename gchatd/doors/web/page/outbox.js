/** What somebody typed that the server has not confirmed yet. Knows no server and no page. */

const PATIENCE = 5 * 60_000; // ms; what is older is sent on a click only: the talk may have moved on

/**
 * A line waits ("waiting"), is on its way ("sending"), was on its way when the connection was lost ("unsure"), or was
 * not sent ("unsent", with a sentence `why`).
 */
export class Outbox {
  lines = [];

  add(line) {
    this.lines.push({ ...line, state: "waiting" });
  }

  /** Give the lines that can be sent now, in order; they are on their way from now on. */
  take(now) {
    for (const line of this.lines) {
      if (line.state === "waiting" && now - line.typedAt > PATIENCE) {
        this.#fail(line, "Not sent: the connection was lost for more than five minutes.");
      }
    }
    const due = this.lines.filter((line) => line.state === "waiting");
    for (const line of due) line.state = "sending";
    return due;
  }

  /** The server has it: the one with this label or, without one, the oldest on its way. Give it. */
  confirm(label) {
    const line = this.#find(label);
    if (line) this.remove(line);
    return line;
  }

  /** The server refused it: the same one as above. Give whether there was one. */
  refuse(label, why) {
    const line = this.#find(label);
    if (line) this.#fail(line, why);
    return Boolean(line);
  }

  /** The connection was lost. */
  lose() {
    for (const line of this.lines) if (line.state === "sending") line.state = "unsure";
  }

  /**
   * Decide about what was on its way, knowing all that was said since, as {name, text}: what is among it was sent. The
   * server takes lines in order, so those after the last one that it took go out again by themselves; one before that
   * was refused, and nobody can say why.
   */
  settle(said) {
    let doubtful = this.lines.filter((line) => line.state === "unsure");
    for (const { name, text } of said) {
      const at = doubtful.findIndex((line) => line.name === name && line.text.trim() === text.trim());
      if (at < 0) continue;
      for (const line of doubtful.slice(0, at)) this.#fail(line, "Not sent.");
      this.remove(doubtful[at]);
      doubtful = doubtful.slice(at + 1);
    }
    for (const line of doubtful) line.state = "waiting";
  }

  /** What was on its way may have been sent, and nobody can find out. */
  doubt() {
    for (const line of this.lines) {
      if (line.state === "unsure") this.#fail(line, "The connection was lost: this may not have been sent.");
    }
  }

  /** Nothing of this can be sent. */
  giveUp(why) {
    for (const line of this.lines) if (line.state !== "unsent") this.#fail(line, why);
  }

  /** Send a line after all. */
  retry(line, now) {
    Object.assign(line, { state: "waiting", typedAt: now, why: undefined });
    this.lines = [...this.lines.filter((one) => one !== line), line];
  }

  remove(line) {
    this.lines = this.lines.filter((one) => one !== line);
  }

  #find(label) {
    return this.lines.find((one) => (label ? one.label === label : one.state === "sending"));
  }

  #fail(line, why) {
    Object.assign(line, { state: "unsent", why });
  }
}
