// A transcript's turns with their words and times, in the order in which they are read. No DOM here.

export const LOW_CONFIDENCE = 0.7

const OF_A_WORD = 0.01 // seconds by which rounding may move an end
const JUST_BEFORE = 0.05 // seconds within which a word counts as the one that is being heard

// `turns`: [{role, channel, row, start, end, confidence, words: [{text, start, end, confidence, utterance}], timed}].
export function readTurns(document) {
  const { utterances } = document
  const turns = document.turns ?? utterances.map((utterance, index) => ({ ...utterance, pieces: [[index, null, null]] }))
  const speakers = [...new Set(turns.map((turn) => `${turn.channel} ${turn.speaker}`))].sort()
  return turns.map((turn) => {
    const rows = turn.pieces.map(([utterance, first, after]) => ({ utterance, rows: utterances[utterance]?.words?.slice(first ?? 0, after ?? undefined) ?? null }))
    const timed = rows.every((piece) => piece.rows !== null)
    const words = timed
      ? rows.flatMap(({ utterance, rows }) => rows.map(([text, start, end, confidence]) => ({ text, start, end, confidence: confidence ?? null, utterance })))
      : [{ text: turn.text, start: turn.start, end: turn.end, confidence: turn.confidence ?? null, utterance: turn.pieces[0]?.[0] ?? null }]
    return { role: turn.role, speaker: turn.speaker, channel: turn.channel ?? null, row: speakers.indexOf(`${turn.channel} ${turn.speaker}`), start: turn.start, end: turn.end, timed, words }
  })
}

// Words in order of time, to find the one that is heard.
export class WordTimes {
  constructor(turns) {
    this.entries = turns.flatMap((turn) => turn.words).map((word, index) => ({ start: word.start, end: word.end, index }))
    this.entries.sort((one, other) => one.start - other.start)
  }

  // How many begin no later than `time`.
  #begun(time) {
    let low = 0
    let high = this.entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.entries[middle].start <= time) low = middle + 1
      else high = middle
    }
    return low
  }

  // Index of the word that is heard at `time`, as counted over all turns; null in a pause.
  at(time) {
    const entry = this.entries[this.#begun(time + OF_A_WORD) - 1]
    return entry && time < entry.end + JUST_BEFORE ? entry.index : null
  }

  before(time) { return this.entries[this.#begun(time - JUST_BEFORE - OF_A_WORD) - 1]?.start ?? 0 }
  after(time) { return this.entries[this.#begun(time + OF_A_WORD)]?.start ?? time }
}

// Where the words of a piece of evidence are: {turn, start, end, text, label, kind}; null where that is not known.
export function place(turns, { quote, utterance, label, kind }) {
  const within = (word) => (quote ? word.start >= quote.start - OF_A_WORD && word.end <= quote.end + OF_A_WORD : word.utterance === utterance)
  const turn = quote ? quote.turn : turns.findIndex((one) => one.words.some(within))
  const words = turns[turn]?.words.filter(within) ?? []
  if (!words.length) return quote ? { turn, start: quote.start, end: quote.end, text: quote.text, label, kind } : null
  return { turn, start: words[0].start, end: words.at(-1).end, text: quote?.text || words.map((word) => word.text).join(' '), label, kind }
}

// A turn's words in runs of the same evidence: [{label, kind, words}], label null where there is none. Of a flag's and a
// criterion's evidence in one place the flag's is shown.
export function runs(turn, places) {
  const found = []
  for (const word of turn.words) {
    const cited = places.filter(({ start, end }) => !turn.timed || (word.start >= start - OF_A_WORD && word.end <= end + OF_A_WORD))
    const label = cited.length ? [...new Set(cited.map((one) => one.label))].join(', ') : null
    const kind = cited.some((one) => one.kind === 'flag') ? 'flag' : 'criterion'
    if (found.at(-1)?.label === label) found.at(-1).words.push(word)
    else found.push({ label, kind, words: [word] })
  }
  return found
}
