// A clinic's calls over time: a chart for each figure, one table that has them all, and the way to a day's calls.

import { useState } from 'preact/hooks'
import { asked, daysAgo, usd } from './format.js'
import { Failure, html, Title, useLoaded, Waiting } from './parts.js'
import { address, go } from './routes.js'
import { bar, ticks } from './scale.js'
import { text } from './strings.js'

const RANGES = [7, 30, 90]
const HEIGHT = 100
const cell = (label, content) => html`<td role="cell" data-label=${label}>${content}</td>`

// Days of both parts, where a day may stand in either.
export function joined(newer, older) {
  const days = new Map(newer.map((day) => [day.day, day]))
  const added = (one, other) => Object.fromEntries([...new Set([...Object.keys(one), ...Object.keys(other)])].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]))
  for (const day of older) {
    const known = days.get(day.day)
    days.set(day.day, known ? { ...added(known, day), day: day.day, flags: added(known.flags, day.flags), reliability: added(known.reliability, day.reliability) } : day)
  }
  return [...days.values()].sort((one, other) => (one.day < other.day ? -1 : 1))
}

// All days between the first and the last, those without calls, too.
const everyDay = (days, first, last) => {
  const known = new Map(days.map((day) => [day.day, day]))
  const all = []
  for (let at = Date.parse(first); at <= Date.parse(last); at += 86_400_000) {
    const day = new Date(at).toISOString().slice(0, 10)
    all.push({ day, figures: known.get(day) ?? null })
  }
  return all
}

// Of each figure: its value on a day, null where it is not known; of how many calls; how it is written; whether it is a
// whole number, has a greatest value, or is at least so much where not all calls tell.
const FIGURES = {
  calls: { value: (day) => day.calls, known: (day) => day.calls, written: String, whole: true },
  flags: { value: (day) => (day.flags_known ? day.alerted : null), known: (day) => day.flags_known, written: String, whole: true, least: true },
  score: { value: (day) => (day.scored ? day.score_sum / day.scored : null), known: (day) => day.scored, written: (value) => value.toFixed(0), top: 100 },
  reliable: { value: (day) => (day.calls > day.reliability.unknown ? day.reliability.high : null), known: (day) => day.calls - day.reliability.unknown, written: String, whole: true, least: true },
  cost: { value: (day) => (day.cost_known || day.cost_usd > 0 ? day.cost_usd : null), known: (day) => day.cost_known, written: usd, least: true },
}

function told(figure, day) {
  const value = figure.value(day)
  if (value === null) return text.unknown
  const partly = figure.known(day) < day.calls
  return `${partly && figure.least ? text.overview.atLeast(figure.written(value)) : figure.written(value)}${text.overview.of(figure.known(day), day.calls)}`
}

// How high a mark is that stands for no height.
const MARK = 3

// A bar, or what stands for none: so that a day without calls, one of which nothing is known, and a zero look different.
function Bar({ is, share, x, width }) {
  const thin = is === 'none' ? width / 3 : width
  const height = is === 'none' || is === 'zero' ? MARK : Math.max(HEIGHT * share, MARK)
  return html`<rect class=${is} x=${x + (width - thin) / 2} width=${thin} y=${HEIGHT - height} height=${height} />`
}

function Chart({ name, figure, days }) {
  const title = text.overview[name]
  const scale = ticks(days.map(({ figures }) => figures && figure.value(figures)), figure)
  const width = 100 / days.length
  return html`<figure><figcaption>${title}</figcaption>
    <div class="chart">
      <ol class="scale" aria-hidden="true">${[...scale].reverse().map((value) => html`<li key=${value}>${figure.written(value)}</li>`)}</ol>
      <svg viewBox="0 0 100 ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${text.overview.chart(title, days.length, figure.written(scale[2]))}>
        ${[0, 0.5, 1].map((share) => html`<line key=${share} class="axis" x1="0" x2="100" y1=${HEIGHT * share} y2=${HEIGHT * share} />`)}
        ${days.map(({ day, figures }, index) => html`<${Bar} key=${day} x=${index * width + width / 10} width=${0.8 * width} ...${bar(figure, figures, scale[2])} />`)}</svg>
      <p class="span" aria-hidden="true"><span>${days[0].day}</span><span>${days.at(-1).day}</span></p>
    </div></figure>`
}

const legend = () => html`<ul class="legend">${['known', 'part', 'zero', 'none', 'unknown'].map((is) => html`<li key=${is}>
  <svg viewBox="0 ${HEIGHT - 4 * MARK} 20 ${4 * MARK}" preserveAspectRatio="none" aria-hidden="true"><${Bar} is=${is} share=${1} x=${0} width=${20} /></svg>${text.overview.is[is]}</li>`)}</ul>`

function Figures({ clinic, days, first, last }) {
  const names = Object.keys(FIGURES)
  if (!days.length) return html`<p>${text.overview.none}</p>`
  const every = everyDay(days, first, last)
  return html`<div class="charts">${names.map((name) => html`<${Chart} key=${name} name=${name} figure=${FIGURES[name]} days=${every} />`)}</div>
    ${legend()}
    <h2>${text.overview.table}</h2>
    <table role="table" class="list"><thead role="rowgroup"><tr role="row">${[text.overview.day, ...names.map((name) => text.overview[name])].map((name) => html`<th key=${name} role="columnheader" scope="col">${name}</th>`)}</tr></thead>
      <tbody role="rowgroup">${[...every].reverse().map(({ day, figures }) => html`<tr role="row" key=${day}>
        <th role="rowheader" scope="row"><a href=${address({ clinic, view: 'calls', filters: { from: day, to: day } })}>${day}</a></th>
        ${names.map((name) => cell(text.overview[name], figures ? told(FIGURES[name], figures) : text.overview.is.none))}</tr>`)}</tbody></table>`
}

export function OverviewView({ api, clinic, route, zone }) {
  const range = RANGES.find((days) => String(days) === route.filters.days) ?? RANGES[1]
  // The day's list, to which the table leads, has the same bounds.
  const [from, today] = [daysAgo(range - 1, zone), daysAgo(0, zone)]
  const filters = { ...asked({ from }, zone), zone }
  const on = `${clinic} ${range} ${zone}`
  const loaded = useLoaded((signal) => api.overview(clinic, filters, { signal }), [on])
  const [older, setOlder] = useState({})
  const later = older.on === on ? older : { parts: [] }
  return html`<${Title}>${text.overview.title}<//>
    <p><label>${text.overview.range} <select value=${range} onChange=${(event) => go({ clinic, view: 'overview', filters: { days: event.target.value } })}>
      ${RANGES.map((days) => html`<option key=${days} value=${days}>${text.overview.last(days)}</option>`)}</select></label></p>
    <${Waiting} ...${loaded}>${(first) => {
      const parts = [first, ...later.parts]
      const { cursor } = parts.at(-1)
      const more = () => {
        setOlder({ on, parts: later.parts, waiting: true })
        api.overview(clinic, { ...filters, cursor }).then(
          (next) => setOlder({ on, parts: [...later.parts, next] }),
          (error) => setOlder({ on, parts: later.parts, error }),
        )
      }
      const days = parts.map((part) => part.days).reduce(joined)
      return html`<p role="status" class="quiet">${text.overview.looked(parts.reduce((sum, part) => sum + part.calls, 0), cursor !== null, zone)}</p>
        <${Figures} ...${{ clinic, days, first: cursor === null ? from : days[0]?.day, last: today }} />
        <${Failure} error=${later.error} />
        ${cursor !== null && html`<button type="button" disabled=${later.waiting} onClick=${more}>${later.waiting ? text.loading : text.overview.more}</button>`}`
    }}<//>`
}
