// The calls of a clinic that run, and what one of them says.

import { useEffect, useState } from 'preact/hooks'
import { clock, dateTime, plain } from './format.js'
import { Feed } from './feed.js'
import { LiveWords } from './live_words.js'
import { Failure, html, ReliabilityBadge, ReliabilityNote, Title, useNames, Waiting } from './parts.js'
import { address } from './routes.js'
import { text } from './strings.js'

const LOOK_MS = 5000 // how often the table is asked for new calls, for ends, and for words that the feed lost

const callAddress = (clinic, call) => address({ clinic, view: 'live', day: call.day, call: call.call_id })
const cell = (label, content) => html`<td role="cell" data-label=${label}>${content}</td>`

// Calls `look(signal)` now and then, one at a time, while the page is seen; returns {value, error, again}.
function useLooks(look, on) {
  const [state, setState] = useState({})
  const [round, setRound] = useState(0)
  useEffect(() => {
    const abort = new AbortController()
    let timer
    const next = async () => {
      if (!document.hidden) {
        await look(abort.signal).then((value) => setState({ value }), (error) => abort.signal.aborted || setState(({ value }) => ({ value, error })))
      }
      if (!abort.signal.aborted) timer = setTimeout(next, LOOK_MS)
    }
    next()
    return () => { abort.abort(); clearTimeout(timer) }
  }, [...on, round])
  return { ...state, again: () => setRound(round + 1) }
}

function Alerts({ call }) {
  const names = useNames()
  if (!call.alerted.length) return html`<span class="quiet">${text.live.noAlert}</span>`
  return html`<ul class="chips">${call.alerted.map((name) => html`<li key=${name} class="chip alarm" title=${names.flagMeans(name)}>${names.flag(name)}</li>`)}</ul>`
}

const isOver = ({ progress }) => ['completed', 'failed'].includes(progress)

const missing = ({ gaps }) => (gaps === null ? text.unknown : gaps.length === 0 ? text.live.noGap : text.live.gapsOf(gaps.length, gaps.reduce((sum, gap) => sum + gap.end - gap.start, 0)))

function RunningTable({ clinic, calls, zone }) {
  const { live } = text
  const columns = [text.calls.begin, live.progress, live.alerts, text.reliability.label, live.gaps, live.handovers]
  return html`<table role="table" class="list"><caption class="hidden">${live.caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map((name) => html`<th key=${name} role="columnheader" scope="col">${name}</th>`)}</tr></thead>
    <tbody role="rowgroup">${calls.map((call) => html`<tr role="row" key=${call.call_id}>
      <th role="rowheader" scope="row"><a href=${callAddress(clinic, call)}>${dateTime(call.started_at, zone)}</a></th>
      ${cell(live.progress, `${live.is[call.progress]}${call.direction ? `, ${text.direction[call.direction]}` : ''}`)}
      ${cell(live.alerts, html`<${Alerts} call=${call} />`)}
      ${cell(text.reliability.label, html`<${ReliabilityBadge} reliability=${call.reliability} soFar=${!isOver(call)} />`)}
      ${cell(live.gaps, missing(call))}
      ${cell(live.handovers, call.handovers)}
    </tr>`)}</tbody></table>`
}

export function LiveView({ api, clinic, zone }) {
  const loaded = useLooks((signal) => api.running(clinic, { signal }), [clinic])
  const value = loaded.value
  return html`<${Title}>${text.live.title}<//>
    ${value && html`<${Failure} error=${loaded.error} />`}
    <${Waiting} value=${value} error=${value ? undefined : loaded.error} again=${loaded.again}>${({ calls, complete }) => html`
      <p role="status" class="quiet">${text.live.running(calls.length, complete)}</p>
      ${calls.length > 0 && html`<${RunningTable} ...${{ clinic, calls, zone }} />`}`}<//>`
}

// Follows a call: words from the feed as they are said, everything else and whatever the feed loses from the table.
function useLiveCall({ api, session, clinic, token, callId }) {
  const [state, setState] = useState({})
  useEffect(() => {
    const abort = new AbortController()
    const words = new LiveWords((after) => api.liveCall(clinic, callId, { after: after || undefined }, { signal: abort.signal }))
    let feed = null
    let feedState = session.feed ? 'lost' : 'none'
    let timer
    const show = (error) => {
      if (!abort.signal.aborted) setState({ call: words.call, utterances: words.utterances, saying: words.saying, feed: feedState, error })
    }
    const over = () => ['completed', 'failed'].includes(words.call?.progress)
    const look = async () => {
      const error = document.hidden && words.call ? undefined : await words.catchUp().then(() => undefined, (problem) => problem)
      if (abort.signal.aborted) return
      show(error)
      if (over()) return feed?.close()
      if (words.call && session.feed && !feed) {
        feed = new Feed(session.feed, words.channel, {
          token,
          onEvent: (event) => words.take(event).then(() => show(), show),
          // What was said while nobody listened stands in the table.
          onState: (now) => { feedState = now; if (now === 'open') words.catchUp().then(() => show(), show); else show() },
        })
      }
      timer = setTimeout(look, LOOK_MS)
    }
    look()
    return () => { abort.abort(); clearTimeout(timer); feed?.close() }
  }, [clinic, callId])
  return state
}

// Words and gaps in order of time, and last what is being said right now.
function Lines({ call, utterances, saying }) {
  const { role } = useNames()
  const gaps = (call.gaps ?? []).map((gap) => ({ gap, start: gap.start }))
  const lines = [...utterances, ...gaps].sort((one, other) => one.start - other.start)
  const line = (one, interim) => html`<li class=${`turn ${one.role}${interim ? ' interim' : ''}`}><div class="said-by"><b>${role(one.role)}</b> <span class="at">${clock(one.start)}</span></div>
    <p>${one.text}${interim ? html` <span class="hidden">${text.live.saying}</span>` : ''}</p></li>`
  return html`<div role="log" aria-label=${text.live.words}><ol class="turns">
    ${lines.map((one) => one.gap
      ? html`<li key=${`gap ${one.start}`} class="turn gap"><div class="said-by"><b>${text.live.gap}</b> <span class="at">${clock(one.start)}</span></div><p>${text.live.gapIs(clock(one.gap.end - one.gap.start), plain(one.gap.reason))}</p></li>`
      : html`<${Line} key=${one.seq} line=${line} one=${one} />`)}
    </ol></div>
    <ol class="turns" aria-hidden="true">${saying.map((one) => line(one, true))}</ol>`
}
const Line = ({ line, one }) => line(one, false)

export function LiveCallView({ api, session, clinic, route, zone, token }) {
  const { call, utterances, saying, feed, error } = useLiveCall({ api, session, clinic, token, callId: route.call })
  const back = html`<p><a href=${address({ clinic, view: 'live' })}>${text.live.back}</a></p>`
  if (!call) return html`${back}<${Title}>${text.live.callTitle}<//><${Waiting} error=${error} />`
  const over = isOver(call)
  return html`${back}<${Title} page=${text.live.callTitle}>${text.live.callOf(dateTime(call.started_at, zone))}<//>
    <p class="facts" role="status"><b>${text.live.is[call.progress]}</b>${call.error_code && html`<span>${call.error_code}</span>`}
      <span>${text.live.handoversOf(call.handovers)}</span><span>${text.live.gaps}: ${missing(call)}</span>
      ${over && html`<span>${call.complete ? text.call.coverage.complete : text.call.coverage.incomplete}</span>`}
      ${!over && html`<span>${text.live.feed[feed]}</span>`}</p>
    ${call.alerted.length > 0 && html`<div class="failure" role="alert"><p><b>${text.live.alertIn}</b></p><${Alerts} call=${call} /></div>`}
    <${ReliabilityNote} reliability=${call.reliability} soFar=${!over} />
    <${Failure} error=${error} />
    ${over && html`<p><a href=${address({ clinic, view: 'calls', day: call.day, call: call.call_id })}>${text.live.open}</a></p>`}
    ${utterances.length === 0 && saying.length === 0 && html`<p class="quiet">${text.live.nothingSaid}</p>`}
    <${Lines} ...${{ call, utterances, saying }} />`
}
