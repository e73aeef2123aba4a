// A clinic's calls over time: a chart for each figure, one table that has them all, and the way to a day's calls.

import { useState } from 'preact/hooks'
import { asked, daysAgo, usd } from './format.js'
import { Failure, html, Title, useLoaded, Waiting } from './parts.js'
import { address, go } from './routes.js'
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

// Of each figure: its value on a day, null where it is not known; of how many calls; how it is written.
const FIGURES = {
  calls: { value: (day) => day.calls, known: (day) => day.calls, written: String },
  flags: { value: (day) => (day.flags_known ? day.alerted : null), known: (day) => day.flags_known, written: String, least: true },
  score: { value: (day) => (day.scored ? day.score_sum / day.scored : null), known: (day) => day.scored, written: (value) => value.toFixed(0) },
  reliable: { value: (day) => (day.calls > day.reliability.unknown ? day.reliability.high : null), known: (day) => day.calls - day.reliability.unknown, written: String, least: true },
  cost: { value: (day) => (day.cost_known || day.cost_usd > 0 ? day.cost_usd : null), known: (day) => day.cost_known, written: usd, least: true },
}

function told(figure, day) {
  const value = figure.value(day)
  if (value === null) return text.unknown
  const partly = figure.known(day) < day.calls
  return `${partly && figure.least ? text.overview.atLeast(figure.written(value)) : figure.written(value)}${text.overview.of(figure.known(day), day.calls)}`
}

function Chart({ name, figure, days }) {
  const title = text.overview[name]
  const values = days.map(({ figures }) => (figures ? figure.value(figures) : 0))
  const most = Math.max(1e-9, ...values.map((value) => value ?? 0))
  const width = 100 / days.length
  return html`<figure><figcaption>${title}</figcaption>
    <svg viewBox="0 0 100 ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${text.overview.chart(title, days.length)}>
      ${values.map((value, index) => html`<rect key=${days[index].day} class=${value === null ? 'unknown' : ''} x=${index * width + width / 10} width=${0.8 * width}
        y=${value === null ? 0 : HEIGHT * (1 - value / most)} height=${value === null ? HEIGHT : (HEIGHT * value) / most} />`)}
      <line class="axis" x1="0" x2="100" y1=${HEIGHT} y2=${HEIGHT} /></svg></figure>`
}

function Figures({ clinic, days, first, last }) {
  const names = Object.keys(FIGURES)
  if (!days.length) return html`<p>${text.overview.none}</p>`
  return html`<div class="charts">${names.map((name) => html`<${Chart} key=${name} name=${name} figure=${FIGURES[name]} days=${everyDay(days, first, last)} />`)}</div>
    <h2>${text.overview.table}</h2>
    <table role="table" class="list"><thead role="rowgroup"><tr role="row">${[text.overview.day, ...names.map((name) => text.overview[name])].map((name) => html`<th key=${name} role="columnheader" scope="col">${name}</th>`)}</tr></thead>
      <tbody role="rowgroup">${[...days].reverse().map((day) => html`<tr role="row" key=${day.day}>
        <th role="rowheader" scope="row"><a href=${address({ clinic, view: 'calls', filters: { from: day.day, to: day.day } })}>${day.day}</a></th>
        ${names.map((name) => cell(text.overview[name], told(FIGURES[name], day)))}</tr>`)}</tbody></table>`
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
