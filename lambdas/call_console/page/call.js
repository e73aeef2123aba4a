// One call: its recording and words in step, and what is concluded from it.

import { useContext, useEffect, useMemo, useState } from 'preact/hooks'
import { begin, clock, percent } from './format.js'
import { Conclusions, judged } from './conclusions.js'
import { History } from './history.js'
import { html, Session, Title, useFocusBack, useLoaded, useNames, Waiting } from './parts.js'
import { Playback } from './playback.js'
import { Player, useKeys } from './player.js'
import { ReviewForm } from './review.js'
import { Roles, useRoles } from './roles.js'
import { address } from './routes.js'
import { text } from './strings.js'
import { Transcript } from './transcript.js'
import { useWaveform } from './waveform.js'
import { readTurns, WordTimes } from './words.js'

function usePlayback(api, of, there) {
  const playback = useMemo(() => (there ? new Playback(async () => (await api.audio(of)).url) : null), [there])
  useEffect(() => {
    if (!playback) return
    playback.open()
    return () => playback.close()
  }, [playback])
  return playback
}

const callsOf = (clinic, name, id) => html`<span>${text.calls[name]} <a href=${address({ clinic, view: 'calls', filters: { [name]: id } })}>${id}</a></span>`

function Facts({ call, clinic }) {
  return html`<p class="facts"><span>${clock(call.duration_seconds)}</span>
    <span>${text.source[call.source] ?? call.source}</span>
    ${call.direction && html`<span>${text.direction[call.direction] ?? call.direction}</span>`}
    ${call.kind === 'ivr' && html`<span>${text.calls.ivr}</span>`}
    ${call.agent_id && callsOf(clinic, 'agent', call.agent_id)}
    ${call.queue_id && callsOf(clinic, 'queue', call.queue_id)}
    <span>${call.word_count === 0 ? text.call.noWords : call.confidence === null || call.confidence === undefined ? `${text.calls.words} ${text.unknown}` : text.call.confidenceOf(percent(call.confidence))}</span></p>`
}

function Opened({ api, of, view, zone, saved, place }) {
  const names = useNames()
  const session = useContext(Session)
  const [reviewing, setReviewing] = useState(false)
  const reviewer = useFocusBack(reviewing)
  const roles = useRoles({ api, of, view, saved })
  const { document, quality } = view
  const turns = useMemo(() => readTurns(document), [document])
  const times = useMemo(() => new WordTimes(turns), [turns])
  const { flags, criteria } = useMemo(() => judged(turns, document, quality, names), [turns, document, quality])
  const places = useMemo(() => [...flags.flatMap(({ evidence }) => evidence.flatMap(({ place }) => place ?? [])), ...criteria.flatMap((one) => one.places)], [flags, criteria])
  const playback = usePlayback(api, of, view.audio)
  const drawn = useWaveform(api, of, view.audio)
  const listen = useMemo(() => playback && ((time) => { playback.seek(time); playback.play() }), [playback])
  useKeys(playback, times)
  const show = ({ turn, start }) => {
    playback?.seek(start)
    const element = window.document.getElementById(`turn-${turn}`)
    element?.scrollIntoView({ block: 'center' })
    element?.querySelector('button')?.focus({ preventScroll: true })
  }
  useEffect(() => {
    if (place.turn !== undefined) show({ turn: Number(place.turn), start: Number(place.at) || 0 })
  }, [place.turn, place.at])
  return html`<${Facts} call=${view.call} clinic=${of.clinic} />
    <div class="call">
      <div>
        ${playback ? html`<section class="player" aria-label=${text.call.recording}><${Player} ...${{ playback, turns, marks: places.filter(({ kind }) => kind === 'flag'), length: document.duration_seconds, drawn }} /></section>`
          : html`<p class="note">${text.call.noRecording}</p>`}
        <${Transcript} ...${{ turns, times, places, playback, listen, roles }} />
      </div>
      <${Conclusions} ...${{ view, flags, criteria, show }}
        roles=${html`<${Roles} ...${{ roles, view, zone, may: session.correctable.includes(document.source) }} />`}
        review=${session.may_review && quality && (reviewing
          ? html`<${ReviewForm} ...${{ api, of, view, user: session.user, saved, close: () => setReviewing(false), zone }} />`
          : html`<p><button type="button" ref=${reviewer} onClick=${() => setReviewing(true)}>${text.review.open}</button></p>`)}
        history=${html`<${History} ...${{ api, of, view, zone }} />`} />
    </div>`
}

export function CallView({ api, clinic, route, zone }) {
  const of = useMemo(() => ({ clinic, day: route.day, call: route.call, kind: route.filters.kind }), [clinic, route.day, route.call, route.filters.kind])
  const loaded = useLoaded((signal) => api.call(of, { signal }), [of])
  // What was answered to a correction is the call as it is since.
  const [since, setSince] = useState(null)
  const known = since ?? loaded.value
  const title = known ? text.call.title(begin(known.call, zone)) : text.views.calls
  return html`<p><a href=${address({ clinic, view: 'calls' })}>${text.call.back}</a></p>
    <${Title}>${title}<//>
    <${Waiting} ...${loaded} value=${known}>${(view) => html`<${Opened} ...${{ api, of, view, zone, saved: setSince, place: route.filters }} />`}<//>`
}
