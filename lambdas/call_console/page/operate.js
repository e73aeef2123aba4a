// What failed, why, what to do, and its repetition.

import { useState } from 'preact/hooks'
import { dateTime } from './format.js'
import { Failure, html, Title, useLoaded, Waiting } from './parts.js'
import { text } from './strings.js'

const cell = (label, content) => html`<td role="cell" data-label=${label}>${content}</td>`
const keyOf = (call) => call.recording_id ?? `live ${call.call_id}`

function Redrive({ api, clinic, call, admin }) {
  const [state, setState] = useState({})
  if (!call.repeatable) return null
  if (!admin) return html`<p class="quiet small">${text.operate.adminOnly}</p>`
  if (state.started) return html`<p role="status">${text.operate.started}</p>`
  const redrive = () => {
    setState({ waiting: true })
    const asked = call.source === 'live' ? api.followAgain(clinic, call.call_id) : api.redrive(clinic, call.recording_id)
    asked.then(() => setState({ started: true }), (error) => setState({ error }))
  }
  return html`${state.error?.status === 409 && call.source === 'live' ? html`<p role="alert" class="failure">${text.operate.notKept}</p>` : html`<${Failure} error=${state.error} />`}<button type="button" disabled=${state.waiting} aria-label=${text.operate.redriveOf(call.call_id ?? text.operate.unknownCall)} onClick=${redrive}>${text.operate.redrive}</button>`
}

export function OperateView({ api, session, clinic, zone }) {
  const loaded = useLoaded((signal) => api.failed(clinic, { signal }), [clinic])
  const admin = session.roles.includes('admin')
  const { operate } = text
  const columns = [operate.call, operate.when, operate.why, operate.what]
  return html`<${Title}>${operate.title}<//>
    <${Waiting} ...${loaded}>${({ calls, complete, live_since: since }) => html`
      <p role="status" class="quiet">${operate.shown(calls.length, complete)}</p>
      <p class="quiet small">${operate.scope(since)}</p>
      ${calls.length > 0 && html`<table role="table" class="list"><caption class="hidden">${operate.caption}</caption>
        <thead role="rowgroup"><tr role="row">${columns.map((name) => html`<th key=${name} role="columnheader" scope="col">${name}</th>`)}</tr></thead>
        <tbody role="rowgroup">${calls.map((call) => html`<tr role="row" key=${keyOf(call)}>
          <th role="rowheader" scope="row">${call.call_id ?? operate.unknownCall} <span class="quiet">${operate.kind[call.source]}</span></th>
          ${cell(operate.when, dateTime(call.failed_at, zone))}
          ${cell(operate.why, html`<div><code>${call.error_code ?? text.unknown}</code>${call.step ? ` ${operate.step(call.step)}` : ''}${call.error_message && html`<p class="small">${call.error_message}</p>`}</div>`)}
          ${cell(operate.what, html`<div><p class="small">${operate.todo[call.source === 'live' ? 'live' : call.status]}</p><${Redrive} ...${{ api, clinic, call, admin }} /></div>`)}
        </tr>`)}</tbody></table>`}`}<//>`
}
