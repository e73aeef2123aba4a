// The words of a call that runs: the feed's events and the table's utterances as one, each once, in order. No DOM here.

export class LiveWords {
  // `stored(after)`: promises {call, channel, utterances, more}, what the table has behind a number.
  constructor(stored) {
    this.stored = stored
    this.utterances = []
    this.call = null
    this.finalUntil = new Map()
    this.interims = new Map()
    this.reading = null
    this.again = false
  }

  get last() { return this.utterances.at(-1)?.seq ?? 0 }
  get saying() { return [...this.interims.keys()].sort().map((channel) => this.interims.get(channel)) }

  // Takes an event of the feed. What it tells that the table knows better, or that has a hole before it, is read there.
  async take(event) {
    if (event.type === 'interim') {
      if (event.end > (this.finalUntil.get(event.channel) ?? 0)) this.interims.set(event.channel, event)
    } else if (event.type === 'final') {
      if (event.reliability && this.call) this.call = { ...this.call, reliability: event.reliability }
      if (event.seq === this.last + 1) this.#accept(event)
      else if (event.seq > this.last) await this.catchUp()
    } else {
      await this.catchUp()
    }
  }

  // One reading at a time; what is asked for meanwhile is read after it.
  catchUp() {
    if (this.reading) this.again = true
    this.reading ??= this.#read().finally(() => { this.reading = null })
    return this.reading
  }

  async #read() {
    do {
      this.again = false
      const { call, channel, utterances, more } = await this.stored(this.last)
      Object.assign(this, { call, channel })
      for (const utterance of utterances) if (utterance.seq === this.last + 1) this.#accept(utterance)
      this.again ||= more
    } while (this.again)
  }

  #accept(utterance) {
    this.utterances = [...this.utterances, utterance]
    const { channel, end } = utterance
    this.finalUntil.set(channel, end)
    if (this.interims.get(channel)?.start < end) this.interims.delete(channel)
  }
}
