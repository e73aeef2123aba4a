// What became of a call: its transcripts, how they differ, and who has said what of it.

import { useState } from 'preact/hooks'
import { clock, dateTime, percent } from './format.js'
import { html, useLoaded, useNames, Waiting } from './parts.js'
import { voice } from './roles.js'
import { text } from './strings.js'

const CONTEXT = 6

const idOf = (version) => version.recording_id ?? 'live'

// Of a long passage that both have, its ends.
const ends = (words) => (words.length > 2 * CONTEXT + 1 ? `${words.slice(0, CONTEXT).join(' ')} … ${words.slice(-CONTEXT).join(' ')}` : words.join(' '))

function Compared({ compared, before, after }) {
  const { passages, words_before: one, words_after: other, words_same: same } = compared
  const share = Math.max(one, other) ? percent(same / Math.max(one, other)) : 100
  return html`<p>${text.history.agreement(same, one, before, other, after)} ${text.history.share(share)}</p>
    ${passages.every((passage) => passage.same) ? html`<p>${text.history.noDifference}</p>` : html`<ol class="passages" tabindex="0" aria-label=${text.history.passages}>${passages.map((passage, index) => html`<li key=${index}>
      <span class="at">${clock(passage.start)}</span> ${passage.same ? html`<span class="quiet">${ends(passage.after.split(' '))}</span>` : html`${passage.before && html`<del><span class="hidden">${text.history.only(before)}</span>${passage.before}</del> `}${passage.after && html`<ins><span class="hidden">${text.history.only(after)}</span>${passage.after}</ins>`}`}</li>`)}</ol>`}`
}

function Comparison({ api, of, versions, zone }) {
  const name = (version) => text.history.named(text.source[version.source] ?? version.source, dateTime(version.stored_at, zone))
  const shown = versions.find((version) => version.shown) ?? versions[0]
  const others = versions.filter((version) => version !== shown)
  const [chosen, setChosen] = useState(idOf(others.find(({ source }) => source === 'live') ?? others[0]))
  const other = others.find((version) => idOf(version) === chosen)
  const loaded = useLoaded((signal) => api.comparison(of, { before: chosen, after: idOf(shown) }, { signal }), [of, chosen])
  return html`${others.length > 1 && html`<label>${text.history.compareWith} <select value=${chosen} onChange=${(event) => setChosen(event.target.value)}>
      ${others.map((version) => html`<option key=${idOf(version)} value=${idOf(version)}>${name(version)}</option>`)}</select></label>`}
    <${Waiting} ...${loaded}>${(compared) => html`<${Compared} compared=${compared} before=${name(other)} after=${text.history.shownOne} />`}<//>`
}

function Corrections({ corrections, zone }) {
  const names = useNames()
  if (!corrections.length) return null
  return html`<h3>${text.history.corrections}</h3><ul class="small">${corrections.map((one) => html`<li key=${one.number}>${dateTime(one.corrected_at, zone)}, ${one.author}: ${
    [...Object.entries(one.speakers).map(([speaker, role]) => `${voice(speaker)} → ${names.role(role)}`), ...(one.turns.length ? [text.history.turns(one.turns.length)] : [])].join('; ') || text.history.reset}</li>`)}</ul>`
}

const Reviews = ({ reviews, zone }) => reviews.length > 0 && html`<h3>${text.history.reviews}</h3><ul class="small">${reviews.map((one) =>
  html`<li key=${one.number}>${dateTime(one.reviewed_at, zone)}, ${one.author}: ${one.scores.length ? text.history.criteria(one.scores.length) : text.history.withdrawn}</li>`)}</ul>`

export function History({ api, of, view, zone }) {
  const { versions, corrections, reviews } = view
  const [comparing, setComparing] = useState(false)
  if (versions.length < 2 && !corrections.length && !reviews.length) return null
  return html`<section aria-labelledby="history"><h2 id="history">${text.history.title}</h2>
    <ul class="small">${versions.map((one) => html`<li key=${idOf(one)}>${dateTime(one.stored_at, zone)}, ${text.source[one.source] ?? one.source}${one.shown ? html` <b>${text.call.shownVersion}</b>` : ''}</li>`)}</ul>
    ${versions.length > 1 && html`<p><button type="button" aria-expanded=${comparing} onClick=${() => setComparing(!comparing)}>${text.history.compare}</button></p>
      ${comparing && html`<${Comparison} ...${{ api, of, versions, zone }} />`}`}
    <${Corrections} corrections=${corrections} zone=${zone} />
    <${Reviews} reviews=${reviews} zone=${zone} />
  </section>`
}
