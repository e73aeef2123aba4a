// The words of a call, in step with the recording.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { clock, percent } from './format.js'
import { html, useNames } from './parts.js'
import { TurnRole } from './roles.js'
import { text } from './strings.js'
import { LOW_CONFIDENCE, runs } from './words.js'

function Word({ word }) {
  const low = word.confidence !== null && word.confidence < LOW_CONFIDENCE
  return html`<span class=${low ? 'w low' : 'w'} title=${low ? text.call.confidenceOf(percent(word.confidence)) : undefined}>${word.text}</span> `
}

function Turn({ turn, index, places, listen, roles }) {
  const time = clock(turn.start)
  const { role } = useNames()
  return html`<li class=${`turn ${turn.role}`} id=${`turn-${index}`}>
    <div class="said-by"><b>${role(turn.role)}</b>
      ${listen ? html`<button type="button" class="at" aria-label=${text.call.playFrom(time)} onClick=${() => listen(turn.start)}>${time}</button>` : html`<span class="at">${time}</span>`}
      ${roles?.edited && html`<${TurnRole} ...${{ roles, turn: index, time }} />`}</div>
    <p>${runs(turn, places).map(({ label, kind, words }) => {
      const said = words.map((word) => html`<${Word} word=${word} />`)
      return label === null ? said : html`<mark class=${kind} title=${label}>${said}</mark>`
    })}</p></li>`
}

// `listen(time)`: plays from there; null where there is no recording.
// `roles`: those that are being edited (roles.js).
export function Transcript({ turns, times, places, playback, listen, roles }) {
  const list = useRef()
  const [follow, setFollow] = useState(true)
  const byTurn = useMemo(() => turns.map((_, index) => places.filter((place) => place.turn === index)), [turns, places])
  const words = useMemo(() => turns.flatMap((turn) => turn.words), [turns])
  // Thousands of words stand here, so the one that is heard is marked without rendering them again.
  const rendered = useMemo(() => turns.map((turn, index) => html`<${Turn} key=${index} ...${{ turn, index, places: byTurn[index], listen, roles }} />`), [turns, byTurn, listen, roles.edited, roles.edited && roles.state])
  useEffect(() => {
    const shown = list.current
    if (!playback || !shown) return
    const elements = shown.getElementsByClassName('w')
    let marked = null
    const unwatch = playback.watch(({ time, playing }) => {
      const index = times.at(time)
      const element = index === null ? null : elements[index]
      if (element === marked) return
      marked?.classList.remove('now')
      const before = marked?.closest('.turn')
      marked = element
      marked?.classList.add('now')
      const turn = marked?.closest('.turn')
      if (turn && turn !== before) {
        shown.querySelector('[aria-current]')?.removeAttribute('aria-current')
        turn.setAttribute('aria-current', 'true')
        if (follow && playing) turn.scrollIntoView({ block: 'nearest', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })
      }
    })
    return () => {
      unwatch()
      marked?.classList.remove('now')
    }
  }, [playback, times, follow, rendered])
  const click = (event) => {
    const word = event.target.closest('.w')
    if (!word || !listen || !getSelection().isCollapsed) return
    listen(words[[...list.current.getElementsByClassName('w')].indexOf(word)].start)
  }
  return html`<section aria-labelledby="transcript"><h2 id="transcript">${text.call.transcript}</h2>
    ${turns.length === 0 ? html`<p>${text.call.noWords}</p>` : html`
      ${playback && html`<p class="quiet small">${text.call.keys}</p><label class="follow"><input type="checkbox" checked=${follow} onChange=${(event) => setFollow(event.target.checked)} /> ${text.call.follow}</label>`}
      ${words.some(({ confidence }) => confidence !== null && confidence < LOW_CONFIDENCE) && html`<p class="quiet small">${text.call.lowConfidence(percent(LOW_CONFIDENCE))}</p>`}
      ${words.some(({ confidence }) => confidence === null) && html`<p class="quiet small">${text.call.someConfidenceUnknown}</p>`}
      ${turns.some(({ timed }) => !timed) && html`<p class="quiet small">${text.call.noTimes}</p>`}
      <ol class=${listen ? 'turns heard' : 'turns'} ref=${list} onClick=${click}>${rendered}</ol>`}
  </section>`
}
