// Words and phrases over all of a clinic's calls. What is looked for stays out of the address: browsers keep those.

import { useState } from 'preact/hooks'
import { callAddress, choice, field, FilterFields } from './calls.js'
import { asked, begin, clock, dateTime } from './format.js'
import { Failure, Flags, html, ReliabilityBadge, Title, useNames } from './parts.js'
import { text } from './strings.js'

const ENOUGH = 10 // calls
const MOST_ROUNDS = 8
const SPEAKERS = ['customer', 'agent', 'announcement']

// The last search of each clinic, for who comes back from a call.
const kept = new Map()

// A search that takes long is answered with how far it came: this goes on, for a while.
async function found(api, clinic, sought, zone, cursor) {
  const { query, said_by: saidBy, ...filters } = sought
  const given = Object.fromEntries(Object.entries(asked(filters, zone)).filter(([, value]) => value !== undefined && value !== ''))
  const page = { calls: [], searched: 0, withoutWords: 0, changed: 0, cursor, from: null, since: null }
  for (let round = 0; round < MOST_ROUNDS && page.calls.length < ENOUGH && page.cursor !== null; round += 1) {
    const answer = await api.search(clinic, { query, said_by: saidBy || null, filters: given, cursor: page.cursor ?? null })
    page.calls.push(...answer.calls)
    page.searched += answer.searched
    page.withoutWords += answer.without_words
    page.changed += answer.changed
    Object.assign(page, { cursor: answer.cursor, from: answer.searched_from, since: answer.since })
  }
  return page
}

function Place({ clinic, call, snippet }) {
  const { role } = useNames()
  return html`<li><a href=${callAddress(clinic, call, { turn: snippet.turn, at: snippet.start })}>${clock(snippet.start)}</a>
    ${' '}<b>${role(snippet.role)}:</b> ${snippet.before}<mark class="flag">${snippet.match}</mark>${snippet.after}</li>`
}

function Found({ clinic, zone, found: { call, places, snippets } }) {
  return html`<li class="found"><h2><a href=${callAddress(clinic, call)}>${begin(call, zone)}</a></h2>
    <p class="facts"><span>${clock(call.duration_seconds)}</span><${ReliabilityBadge} reliability=${call.reliability} /><${Flags} flags=${call.flags} />
      ${call.kind === 'ivr' && html`<span>${text.calls.ivr}</span>`}</p>
    <ul class="places">${snippets.map((snippet, index) => html`<${Place} key=${index} ...${{ clinic, call, snippet }} />`)}</ul>
    ${places > snippets.length && html`<p class="quiet small">${text.search.otherPlaces(places - snippets.length)}</p>`}
  </li>`
}

function Form({ session, sought, search }) {
  const names = useNames()
  const send = (event) => {
    event.preventDefault()
    search(Object.fromEntries(new FormData(event.target)))
  }
  return html`<form class="filters" role="search" onSubmit=${send}>
    <label class="query"><span>${text.search.query}</span><input type="search" name="query" required maxlength="200" autocomplete="off" aria-describedby="search-help" defaultValue=${sought?.query ?? ''} /></label>
    ${field(text.search.saidBy, choice('said_by', sought?.said_by, SPEAKERS.map((role) => [role, names.role(role)])))}
    <${FilterFields} ...${{ session, filters: sought ?? {} }} />
    <div class="actions"><button type="submit" class="first">${text.search.search}</button></div>
    <p id="search-help" class="quiet small wide">${text.search.help}</p>
  </form>`
}

function Results({ clinic, zone, pages }) {
  const calls = pages.flatMap((page) => page.calls)
  const sum = (name) => pages.reduce((all, page) => all + page[name], 0)
  const { cursor, from, since } = pages.at(-1)
  return html`<p role="status" class="quiet">${text.search.shown(calls.length, sum('searched'), cursor !== null && from)}</p>
    ${sum('withoutWords') > 0 && html`<p class="note doubtful">${text.search.withoutWords(sum('withoutWords'))}</p>`}
    ${sum('changed') > 0 && html`<p class="quiet small">${text.search.changed(sum('changed'))}</p>`}
    ${since && html`<p class="quiet small">${text.search.since(dateTime(since, zone))}</p>`}
    ${calls.length > 0 && html`<ol class="turns">${calls.map((one) => html`<${Found} key=${`${one.call.call_id} ${one.call.kind}`} ...${{ clinic, zone, found: one }} />`)}</ol>`}`
}

export function SearchView({ api, session, clinic, zone }) {
  const [state, setState] = useState(kept.get(clinic) ?? { pages: [] })
  const change = (next) => {
    kept.set(clinic, { ...next, waiting: false })
    setState(next)
  }
  const go = (sought, before, cursor) => {
    change({ sought, pages: before, waiting: true })
    found(api, clinic, sought, zone, cursor).then(
      (page) => change({ sought, pages: [...before, page] }),
      (error) => change({ sought, pages: before, error }),
    )
  }
  const { sought, pages, waiting, error } = state
  const cursor = pages.at(-1)?.cursor ?? null
  return html`<${Title}>${text.search.title}<//>
    <${Form} ...${{ session, sought, search: (next) => go(next, [], undefined) }} />
    ${waiting && !pages.length && html`<p class="quiet" role="status">${text.loading}</p>`}
    ${error?.status === 400 ? html`<div class="failure" role="alert"><p>${text.search.refused}</p></div>` : html`<${Failure} error=${error} />`}
    ${pages.length > 0 && html`<${Results} ...${{ clinic, zone, pages }} />`}
    ${cursor !== null && html`<button type="button" disabled=${waiting} onClick=${() => go(sought, pages, cursor)}>${waiting ? text.loading : text.search.older}</button>`}`
}
