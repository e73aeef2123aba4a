// A reviewer's own points and note for each criterion, beside the computed ones.

import { useEffect, useState } from 'preact/hooks'
import { dateTime } from './format.js'
import { explained, html } from './parts.js'
import { versionOf } from './roles.js'
import { text } from './strings.js'

// The latest review of each person.
export function latest(reviews) {
  const found = new Map()
  for (const review of reviews) if (!found.has(review.author)) found.set(review.author, review)
  return [...found.values()].filter(({ scores }) => scores.length)
}

// Points of a criterion as they were computed: of a call that is unusable, none was judged.
export const computedPoints = ({ applicable, points, max_points: most }, reliability) => {
  if (reliability?.level === 'unusable') return text.call.notJudged
  return applicable ? text.call.points(points, most) : text.call.notApplicable
}

const points = (said, most) => (said.points === null ? text.call.notApplicable : text.call.points(said.points, most))

export const Said = ({ reviews, criterion }) => {
  const found = latest(reviews).flatMap((review) => review.scores.filter((one) => one.criterion === criterion).map((one) => ({ ...one, author: review.author })))
  if (!found.length) return null
  return html`<ul class="said">${found.map((one) => html`<li key=${one.author}><span class="small">${text.review.by(one.author)} <b>${points(one, one.max_points)}</b></span>
    ${one.note && html`<p class="note-text">${one.note}</p>`}</li>`)}</ul>`
}

// '' says nothing of a criterion; 'n/a' that it does not apply.
const entries = (own, criteria) => Object.fromEntries(criteria.map(({ criterion }) => {
  const said = own?.scores.find((one) => one.criterion === criterion)
  return [criterion, { points: said ? (said.points ?? 'n/a') : '', applies: !said || said.points !== null, note: said?.note ?? '' }]
}))

export function ReviewForm({ api, of, view, user, saved, close, zone }) {
  const own = view.reviews.find(({ author }) => author === user)
  const { criteria } = view.quality
  const [given, setGiven] = useState(() => entries(own, criteria))
  const [state, setState] = useState({})
  useEffect(() => setGiven(entries(own, criteria)), [own?.number, view.quality])
  const change = (criterion, part) => setGiven({ ...given, [criterion]: { ...given[criterion], ...part } })
  const save = async (event) => {
    event.preventDefault()
    setState({ waiting: true })
    const scores = Object.entries(given).filter(([, one]) => !one.applies || one.points !== '')
      .map(([criterion, one]) => [criterion, { points: one.applies ? Number(one.points) : null, note: one.note }])
    try {
      const answer = await api.review(of, { version: versionOf(view.document), replaces: own?.number ?? 0, scores: Object.fromEntries(scores) })
      saved(answer)
      close()
    } catch (error) {
      setState({ error })
    }
  }
  return html`<form class="review" aria-label=${text.review.form} onSubmit=${save}>
    <p class="quiet small">${text.review.how}${own ? ` ${text.review.last(dateTime(own.reviewed_at, zone))}` : ''}</p>
    ${criteria.map((judged) => {
      const { criterion, title, max_points: most } = judged
      const one = given[criterion]
      return html`<fieldset key=${criterion}><legend>${title}</legend>
        <p class="quiet small">${text.review.computed} ${computedPoints(judged, view.document.reliability)}</p>
        <div class="line"><label>${text.review.points(most)} <input type="number" min="0" max=${most} step="any" inputmode="decimal" value=${one.applies ? one.points : ''} disabled=${!one.applies} onInput=${(event) => change(criterion, { points: event.target.value })} /></label>
        <label><input type="checkbox" checked=${!one.applies} onChange=${(event) => change(criterion, { applies: !event.target.checked, points: '' })} /> ${text.call.notApplicable}</label></div>
        <label class="wide">${text.review.note} <textarea rows="2" maxlength="2000" value=${one.note} disabled=${one.applies && one.points === ''} onInput=${(event) => change(criterion, { note: event.target.value })}></textarea></label>
      </fieldset>`
    })}
    <div class="actions"><button type="submit" class="first" disabled=${state.waiting}>${state.waiting ? text.saving : text.save}</button>
      <button type="button" onClick=${close} disabled=${state.waiting}>${text.cancel}</button></div>
    ${state.error && html`<p class="failure" role="alert">${explained(state.error)}</p>`}
  </form>`
}
