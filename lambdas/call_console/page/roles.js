// Who is who in a call: what was computed, and what a reviewer says instead.

import { useEffect, useMemo, useState } from 'preact/hooks'
import { dateTime } from './format.js'
import { explained, html, useFocusBack, useNames } from './parts.js'
import { text } from './strings.js'

export const ROLES = ['agent', 'customer', 'announcement', 'unknown']

export const versionOf = (document) => document.provenance?.recording_id ?? 'live'

// What was corrected so far, as {speakers, turns}: the latter by their places in the document.
function corrected(document) {
  const known = document.role_correction
  if (!known) return { speakers: {}, turns: {} }
  const meant = (one) => (document.turns ?? []).findIndex((turn) => turn.speaker === one.speaker && Math.min(one.end, turn.end) - Math.max(one.start, turn.start) >= (turn.end - turn.start) / 2)
  const turns = (known.turns ?? []).map((one) => [meant(one), one.role]).filter(([turn]) => turn >= 0)
  return { speakers: { ...known.speakers }, turns: Object.fromEntries(turns) }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other)

// The roles that are being edited: null unless somebody does. `turns` are those that have roles of their own.
export function useRoles({ api, of, view, saved }) {
  const { document, corrections } = view
  const known = useMemo(() => corrected(document), [document])
  const [edited, setEdited] = useState(null)
  const [state, setState] = useState({})
  useEffect(() => setEdited(null), [document])
  const send = async (speakers, turns) => {
    setState({ waiting: true })
    try {
      const sent = { version: versionOf(document), replaces: corrections[0]?.number ?? 0, speakers, turns: Object.entries(turns).map(([turn, role]) => ({ turn: Number(turn), role })) }
      const answer = await api.correct(of, sent)
      setState({ done: true })
      setEdited(null)
      saved(answer)
    } catch (error) {
      setState({ error })
    }
  }
  return {
    edited,
    state,
    changed: edited !== null && !same(edited, known),
    open: () => { setState({}); setEdited(known) },
    close: () => { setState({}); setEdited(null) },
    nameSpeaker: (speaker, role) => setEdited({ ...edited, speakers: { ...edited.speakers, [speaker]: role } }),
    nameTurn: (turn, role) => {
      const { [turn]: _, ...others } = edited.turns
      setEdited({ ...edited, turns: role === '' ? others : { ...others, [turn]: role } })
    },
    save: () => send(edited.speakers, edited.turns),
    reset: () => send({}, {}),
    swap: () => {
      const other = { agent: 'customer', customer: 'agent' }
      const speakers = document.roles.speakers.map(({ speaker, role }) => [speaker, other[edited.speakers[speaker] ?? role]]).filter(([, role]) => role)
      setEdited({ ...edited, speakers: { ...edited.speakers, ...Object.fromEntries(speakers) } })
    },
  }
}

const Choice = ({ label, value, none, choose, disabled }) => {
  const { role } = useNames()
  return html`<select aria-label=${label} value=${value} disabled=${disabled} onChange=${(event) => choose(event.target.value)}>
    ${none && html`<option value="">${none}</option>`}
    ${ROLES.map((name) => html`<option key=${name} value=${name}>${role(name)}</option>`)}</select>`
}

export const TurnRole = ({ roles, turn, time }) =>
  html`<${Choice} label=${text.roles.ofTurn(time)} none=${text.roles.asVoice} value=${roles.edited.turns[turn] ?? ''} choose=${(role) => roles.nameTurn(turn, role)} disabled=${roles.state.waiting} />`

export const voice = (speaker) => {
  const [, channel, number] = /^(?:channel-(\d+))?-?(?:speaker-(\d+))?$/.exec(speaker) ?? []
  const parts = [channel !== undefined && text.roles.channel(Number(channel) + 1), number !== undefined && text.roles.voice(Number(number) + 1)].filter(Boolean)
  return parts.join(', ') || speaker
}

export function Roles({ roles, view, zone, may }) {
  const names = useNames()
  const { edited, state } = roles
  const { document } = view
  const by = document.role_correction
  const opener = useFocusBack(edited !== null)
  return html`<section aria-labelledby="roles"><h2 id="roles">${text.roles.title}</h2>
    ${document.roles.speakers.length === 0 && html`<p>${text.call.noWords}</p>`}
    <ul class="roles">${document.roles.speakers.map(({ speaker, role, confidence, evidence }) => html`<li key=${speaker}>
      <span>${voice(speaker)}</span>
      ${edited ? html`<${Choice} label=${text.roles.of(voice(speaker))} value=${edited.speakers[speaker] ?? role} choose=${(chosen) => roles.nameSpeaker(speaker, chosen)} disabled=${state.waiting} />` : html`<b>${names.role(role)}</b>`}
      <span class="quiet small">${evidence.includes('reviewer') ? text.roles.byReviewer : role === 'unknown' ? '' : text.roles.computed(Math.round(100 * confidence))}</span></li>`)}</ul>
    ${by && html`<p class="quiet small">${text.roles.correctedBy(by.author, dateTime(by.corrected_at, zone))}</p>`}
    ${may && !edited && html`<p><button type="button" ref=${opener} onClick=${roles.open}>${text.roles.correct}</button></p>`}
    ${edited && html`<p class="quiet small">${text.roles.how}</p>
      <div class="actions">
        <button type="button" onClick=${roles.swap} disabled=${state.waiting}>${text.roles.swap}</button>
        <button type="button" class="first" onClick=${roles.save} disabled=${state.waiting || !roles.changed}>${state.waiting ? text.saving : text.save}</button>
        ${by && html`<button type="button" onClick=${roles.reset} disabled=${state.waiting}>${text.roles.reset}</button>`}
        <button type="button" onClick=${roles.close} disabled=${state.waiting}>${text.cancel}</button>
      </div>`}
    <p role="status" class="small">${state.done ? text.roles.done : ''}</p>
    ${state.error && html`<p class="failure" role="alert">${explained(state.error)}</p>`}
  </section>`
}
