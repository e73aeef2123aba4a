// What is concluded from a call: by what, from which words, and how far it carries.

import { clock, cost, percent, plain, usd } from './format.js'
import { html, ReliabilityNote, useNames } from './parts.js'
import { computedPoints, Said } from './review.js'
import { text } from './strings.js'
import { place } from './words.js'

// Flags and criteria with the places of their evidence.
export function judged(turns, document, quality, names) {
  const placed = (evidence) => evidence.flatMap((one) => place(turns, one) ?? [])
  const flags = document.summary.flags.map((flag) => ({
    name: flag.name,
    raised: flag.evidence.length > 0,
    evidence: flag.evidence.map((one) => ({ ...one, place: place(turns, { quote: one.quote, utterance: one.turn, label: names.flag(flag.name), kind: 'flag' }) })),
  }))
  const criteria = (quality?.criteria ?? []).map((criterion) => {
    const cited = criterion.quotes?.length ? criterion.quotes.map((quote) => ({ quote })) : criterion.evidence.map((utterance) => ({ utterance }))
    return { ...criterion, places: placed(cited.map((one) => ({ ...one, label: criterion.title, kind: 'criterion' }))) }
  })
  return { flags, criteria }
}

const Places = ({ places, show }) => html`<ul class="places">${places.map((one) => html`<li key=${`${one.turn} ${one.start}`}>
  <button type="button" class="link" onClick=${() => show(one)}><span class="at">${clock(one.start)}</span> ${one.text}</button></li>`)}</ul>`

function Summary({ summary }) {
  const by = text.call.summaryBy[summary.source] ?? text.call.summaryBy.other(summary.source)
  return html`<section aria-labelledby="summary"><h2 id="summary">${text.call.summary}</h2>
    <p>${summary.text || text.call.noSummary}</p>${summary.text && html`<p class="quiet small">${by}</p>`}</section>`
}

function FlagList({ flags, show }) {
  const names = useNames()
  const raised = flags.filter((flag) => flag.raised)
  const others = flags.filter((flag) => !flag.raised)
  return html`<section aria-labelledby="flags"><h2 id="flags">${text.call.flags}</h2>
    ${flags.length === 0 && html`<p>${text.call.flagsUnknown}</p>`}
    ${flags.length > 0 && raised.length === 0 && html`<p>${text.call.flagsNone}</p>`}
    ${raised.map((flag) => html`<h3 key=${flag.name} class=${names.alerts(flag.name) ? 'chip alarm' : 'chip'} title=${names.flagMeans(flag.name)}>${names.flag(flag.name)}</h3>
      <ul class="places">${flag.evidence.map((one) => html`<li>${one.place
        ? html`<button type="button" class="link" onClick=${() => show(one.place)}><span class="at">${clock(one.place.start)}</span> ${one.place.text}</button>`
        : html`<span>${plain(one.rule)}</span>`}${' '}
        <span class="quiet small">${text.call.said(one.source)}${one.nearest?.length ? `, ${text.call.nearest(one.nearest)}` : ''}${one.certainty === null || one.certainty === undefined ? '' : `, ${text.call.certainty(percent(one.certainty))}`}</span></li>`)}</ul>`)}
    ${others.length > 0 && html`<p class="quiet small">${text.call.flagsNotRaised(others.map((flag) => names.flag(flag.name)).join(', '))}</p>`}
  </section>`
}

function ScoreList({ quality, criteria, reviews, reliability, show, children }) {
  return html`<section aria-labelledby="score"><h2 id="score">${text.call.score}</h2>
    ${quality === null || quality.score === null || quality.score === undefined ? html`<p>${text.call.noScore}</p>` : html`<p class="figure">${text.call.of100(quality.score)}</p>`}
    ${quality !== null && html`<p class="quiet small">${text.call.rubric(quality.rubric, quality.version)}</p>`}
    <ul class="criteria">${criteria.map((criterion) => html`<li key=${criterion.criterion}>
      <div class="line"><span>${criterion.title}</span><span class="points">${computedPoints(criterion, reliability)}</span></div>
      ${criterion.applicable && html`<meter min="0" max=${criterion.max_points} value=${criterion.points} aria-hidden="true"></meter>`}
      ${criterion.places.length > 0 && html`<details><summary>${text.call.evidence}</summary><${Places} places=${criterion.places} show=${show} /></details>`}
      <${Said} reviews=${reviews} criterion=${criterion.criterion} />
    </li>`)}</ul>${children}</section>`
}

function Analysis({ analysis, older }) {
  if (!analysis) return null
  return html`<section aria-labelledby="analysis"><h2 id="analysis">${text.call.analysis}</h2>
    <p>${analysis.status === 'succeeded' && analysis.summary ? analysis.summary : text.call.analysisNone}</p>
    <p class="quiet small">${text.call.model(analysis.model)}${older ? ` ${text.call.analysisOlder}` : ''}</p></section>`
}

const Cost = ({ of }) => html`<section aria-labelledby="cost"><h2 id="cost">${text.call.cost}</h2><p class="figure">${cost(of)}</p>
  <ul class="small">${of.lines.map((line) => html`<li>${plain(line.item)}: ${usd(line.amount_usd)}</li>`)}</ul>
  <p class="quiet small">${text.call.priceList(of.price_list)}${of.unpriced.length ? ` ${text.call.unpriced(of.unpriced.map(plain).join(', '))}` : ''}</p></section>`

const Live = ({ live }) => live && html`<section aria-labelledby="live"><h2 id="live">${text.call.live}</h2>
  <p>${live.complete ? text.call.coverage.complete : text.call.coverage.incomplete}</p>
  ${live.incomplete_reasons.length > 0 && html`<ul class="small">${live.incomplete_reasons.map((reason) => html`<li key=${reason}>${plain(reason)}</li>`)}</ul>`}</section>`

const CODE = /^[a-z0-9-]+$/
const Warnings = ({ warnings }) => warnings.length > 0 && html`<section aria-labelledby="warnings"><h2 id="warnings">${text.call.warnings}</h2>
  <ul class="small">${warnings.map((warning) => html`<li>${CODE.test(warning) ? plain(warning) : warning}</li>`)}</ul></section>`

// `roles`, `review` and `history`: what stands below who is who, below the criteria and at the end.
export function Conclusions({ view, flags, criteria, show, roles, review, history }) {
  const { document, quality, analysis, reviews } = view
  const older = document.role_correction && analysis && analysis.created_at < document.role_correction.corrected_at
  return html`<div class="conclusions">
    <${ReliabilityNote} reliability=${document.reliability} />
    ${roles}
    <${Summary} summary=${document.summary} />
    <${FlagList} ...${{ flags, show }} />
    <${ScoreList} ...${{ quality, criteria, reviews, show }} reliability=${document.reliability}>${review}<//>
    <${Analysis} analysis=${analysis} older=${older} />
    <${Cost} of=${document.cost} />
    <${Live} live=${document.live} />
    ${history}
    <${Warnings} warnings=${document.warnings} />
  </div>`
}
