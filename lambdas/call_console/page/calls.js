// The calls of a clinic, the newest first.

import { useState } from 'preact/hooks'
import { asked, begin, clock, percent, plain } from './format.js'
import { Failure, Flags, html, ReliabilityBadge, Title, useLoaded, useNames, Waiting } from './parts.js'
import { address, go } from './routes.js'
import { text } from './strings.js'

const LEVELS = ['high', 'doubtful', 'unusable']
const ENOUGH = 25 // calls
const MOST_ROUNDS = 8

export const field = (label, control) => html`<label><span>${label}</span>${control}</label>`
export const choice = (name, value, options) => html`<select name=${name}><option value="">${text.calls.any}</option>
  ${options.map(([key, title]) => html`<option key=${key} value=${key} defaultSelected=${key === value}>${title}</option>`)}</select>`

// What calls can be picked by, wherever they are. The form keeps what is filled in, and `filters` are where it begins:
// with a `value`, whatever comes meanwhile would set it back.
export function FilterFields({ session, filters }) {
  const { flag } = useNames()
  const names = session.flags.map(({ name }) => [name, flag(name)])
  return html`${field(text.calls.from, html`<input type="date" name="from" defaultValue=${filters.from ?? ''} />`)}
    ${field(text.calls.to, html`<input type="date" name="to" defaultValue=${filters.to ?? ''} />`)}
    ${field(text.calls.flag, choice('flag', filters.flag, names))}
    ${field(text.calls.scoreBelow, html`<input type="number" name="score_below" min="0" max="100" inputmode="numeric" defaultValue=${filters.score_below ?? ''} />`)}
    ${field(text.calls.reliability, choice('reliability', filters.reliability, LEVELS.map((level) => [level, text.reliability[level]])))}
    ${field(text.calls.direction, choice('direction', filters.direction, Object.entries(text.direction)))}
    ${field(text.calls.agent, html`<input name="agent" maxlength="256" autocomplete="off" defaultValue=${filters.agent ?? ''} />`)}
    ${field(text.calls.queue, html`<input name="queue" maxlength="256" autocomplete="off" defaultValue=${filters.queue ?? ''} />`)}
    ${field(text.calls.kind, choice('source', filters.source, Object.entries(text.source)))}`
}

function Filters({ session, clinic, filters }) {
  const show = (event) => {
    event.preventDefault()
    go({ clinic, view: 'calls', filters: Object.fromEntries(new FormData(event.target)) })
  }
  return html`<form class="filters" aria-label=${text.calls.filters} onSubmit=${show}>
    <${FilterFields} ...${{ session, filters }} />
    <div class="actions"><button type="submit" class="first">${text.calls.show}</button><a href=${address({ clinic, view: 'calls' })}>${text.calls.reset}</a></div>
  </form>`
}

export const callAddress = (clinic, call, place = {}) =>
  address({ clinic, view: 'calls', day: call.day, call: call.call_id, filters: { kind: call.kind === 'ivr' ? 'ivr' : undefined, ...place } })

const cell = (label, content) => html`<td role="cell" data-label=${label}>${content}</td>`

function Score({ score, reliability }) {
  if (score === null || score === undefined) return html`<span class="quiet">${text.unknown}</span>`
  return html`<span class=${reliability?.level === 'high' ? '' : 'quiet'}>${score}</span>`
}

function CallsTable({ clinic, calls, zone }) {
  const columns = [text.calls.begin, text.calls.length, text.calls.flags, text.calls.score, text.reliability.label, text.calls.words, text.calls.kind]
  return html`<table role="table" class="list">
    <caption class="hidden">${text.calls.caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map((name) => html`<th key=${name} role="columnheader" scope="col">${name}</th>`)}</tr></thead>
    <tbody role="rowgroup">${calls.map((call) => html`<tr role="row" key=${`${call.call_id} ${call.kind}`}>
      <th role="rowheader" scope="row"><a href=${callAddress(clinic, call)}>${begin(call, zone)}</a>
        ${call.kind === 'ivr' && html` <span class="quiet">${text.calls.ivr}</span>`}</th>
      ${cell(text.calls.length, clock(call.duration_seconds))}
      ${cell(text.calls.flags, html`<${Flags} flags=${call.flags} />`)}
      ${cell(text.calls.score, html`<${Score} ...${call} />`)}
      ${cell(text.reliability.label, html`<${ReliabilityBadge} reliability=${call.reliability} />`)}
      ${cell(text.calls.words, call.confidence === null || call.confidence === undefined ? text.unknown : `${percent(call.confidence)} %`)}
      ${cell(text.calls.kind, html`${text.source[call.source] ?? call.source}${call.direction ? `, ${text.direction[call.direction] ?? plain(call.direction)}` : ''}`)}
    </tr>`)}</tbody>
  </table>`
}

// A filter that finds little is answered with few calls, or none, and a cursor: this goes on, for a while.
async function page(api, clinic, filters, cursor, signal) {
  const calls = []
  let examined = 0
  for (let round = 0; round < MOST_ROUNDS && calls.length < ENOUGH && cursor !== null; round += 1) {
    const answer = await api.calls(clinic, { ...filters, cursor }, { signal })
    calls.push(...answer.calls)
    examined += answer.examined
    cursor = answer.cursor
  }
  return { calls, examined, cursor }
}

export function CallsView({ api, session, clinic, route, zone }) {
  const { filters } = route
  const on = JSON.stringify([clinic, filters, zone])
  const loaded = useLoaded((signal) => page(api, clinic, asked(filters, zone), undefined, signal), [on])
  const [older, setOlder] = useState({})
  const later = older.on === on ? older : { pages: [] }
  return html`<${Title}>${text.calls.title}<//>
    <${Filters} key=${JSON.stringify(filters)} ...${{ session, clinic, filters }} />
    <${Waiting} ...${loaded}>${(first) => {
      const pages = [first, ...later.pages]
      const calls = pages.flatMap((one) => one.calls)
      const examined = pages.reduce((sum, one) => sum + one.examined, 0)
      const { cursor } = pages.at(-1)
      const more = () => {
        setOlder({ on, pages: later.pages, waiting: true })
        page(api, clinic, asked(filters, zone), cursor).then(
          (next) => setOlder({ on, pages: [...later.pages, next] }),
          (error) => setOlder({ on, pages: later.pages, error }),
        )
      }
      return html`<p role="status" class="quiet">${text.calls.shown(calls.length, examined, cursor !== null)}</p>
        ${calls.length > 0 && html`<${CallsTable} ...${{ clinic, calls, zone }} />`}
        <${Failure} error=${later.error} />
        ${cursor !== null && html`<button type="button" disabled=${later.waiting} onClick=${more}>${later.waiting ? text.loading : text.calls.older}</button>`}`
    }}<//>`
}
