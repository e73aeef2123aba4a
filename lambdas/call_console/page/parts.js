// Small pieces that several views are made of.

import { createContext, h } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import htm from 'htm'
import { text } from './strings.js'
import { plain } from './format.js'

export const html = htm.bind(h)

// Who looks, and what the deployment calls things.
export const Session = createContext(null)

// Names of flags and roles in this deployment.
export function useNames() {
  const { flags, role_names: names } = useContext(Session)
  const known = new Map(flags.map((flag) => [flag.name, flag]))
  return {
    flags,
    flag: (name) => plain(name),
    flagMeans: (name) => known.get(name)?.title,
    alerts: (name) => known.get(name)?.alerts === true,
    role: (role) => (names?.[role] ? names[role][0].toUpperCase() + names[role].slice(1) : (text.role[role] ?? plain(role))),
  }
}

// What `load(signal)` brings: {value, error, again}. A later load replaces an earlier one, whatever comes first.
export function useLoaded(load, on) {
  const [state, setState] = useState({})
  const [round, setRound] = useState(0)
  useEffect(() => {
    const abort = new AbortController()
    setState((known) => (known.on === JSON.stringify(on) ? known : {}))
    load(abort.signal).then(
      (value) => !abort.signal.aborted && setState({ value, on: JSON.stringify(on) }),
      (error) => !abort.signal.aborted && setState({ error }),
    )
    return () => abort.abort()
  }, [...on, round])
  return { ...state, again: () => setRound(round + 1) }
}

export const explained = (error) =>
  error.status === undefined ? text.errors.other(error.name) : error.status === 0 ? text.errors.network : (text.errors[error.code] ?? text.errors[error.status] ?? text.errors.other(error.status))

export function Failure({ error, again }) {
  if (!error) return null
  // What is no answer of the API is a fault of the page, and belongs where faults are looked for.
  if (error.status === undefined) console.error(error)
  return html`<div class="failure" role="alert"><p>${explained(error)}</p>${again && html`<button type="button" onClick=${again}>${text.retry}</button>`}</div>`
}

export function Waiting({ value, error, again, children }) {
  if (error) return html`<${Failure} error=${error} again=${again} />`
  if (value === undefined) return html`<p class="quiet" role="status">${text.loading}</p>`
  return children(value)
}

// The heading of a view takes the focus when the view opens, so that it is read and the keyboard begins there.
export function Title({ children, page }) {
  const heading = useRef()
  useEffect(() => {
    document.title = `${page ?? children} – ${text.product}`
    heading.current.focus({ preventScroll: true })
  }, [page ?? children])
  return html`<h1 ref=${heading} tabindex="-1">${children}</h1>`
}

// A button that opened something takes the focus back once that is closed: where it is to go, as a `ref`.
export function useFocusBack(open) {
  const opener = useRef()
  const before = useRef(open)
  useEffect(() => {
    if (before.current && !open) opener.current?.focus()
    before.current = open
  }, [open])
  return opener
}

const levelOf = (reliability) => (text.reliability.means[reliability?.level] ? reliability.level : 'unknown')

const levelText = (level, soFar) => (soFar && level !== 'unknown' ? text.reliability.soFar(text.reliability[level]) : text.reliability[level])

// *soFar*: of a call that goes on.
export const ReliabilityBadge = ({ reliability, soFar = false }) => {
  const level = levelOf(reliability)
  return html`<span class=${`badge ${level}`}>${levelText(level, soFar)}</span>`
}

export function ReliabilityNote({ reliability, soFar = false }) {
  const level = levelOf(reliability)
  const reasons = (reliability?.reasons ?? []).map((reason) => text.reliability.reasons[reason] ?? plain(reason))
  return html`<p class=${`note ${level}`}>
    <strong>${levelText(level, soFar)}</strong>${reasons.length ? `: ${reasons.join('; ')}` : ''}.
    ${' '}${text.reliability.means[level]}
  </p>`
}

// The flags that are raised; null where none is known.
export function Flags({ flags }) {
  const names = useNames()
  if (!flags) return html`<span class="quiet">${text.unknown}</span>`
  const raised = Object.entries(flags).filter(([, value]) => value === true).map(([name]) => name)
  const known = Object.values(flags).some((value) => value !== null)
  if (!raised.length) return html`<span class="quiet">${known ? text.none : text.unknown}</span>`
  raised.sort((one, other) => names.alerts(other) - names.alerts(one))
  return html`<ul class="chips">${raised.map((name) => html`<li key=${name} class=${names.alerts(name) ? 'chip alarm' : 'chip'} title=${names.flagMeans(name)}>${names.flag(name)}</li>`)}</ul>`
}

