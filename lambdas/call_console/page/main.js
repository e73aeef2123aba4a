// The page: who is signed in, what they look at, and in which zone.

import { render } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { Api } from './api.js'
import { CallView } from './call.js'
import { CallsView } from './calls.js'
import { viewerZone } from './format.js'
import { LiveCallView, LiveView } from './live.js'
import { OperateView } from './operate.js'
import { OverviewView } from './overview.js'
import { explained, html, Session, Title, useLoaded, Waiting } from './parts.js'
import { address, go, useRoute } from './routes.js'
import { SearchView } from './search.js'
import { SignIn } from './sign_in.js'
import { text } from './strings.js'

const ZONE = 'callscribe.zone'

// In the order of the navigation: calls, live, search, overview, operate, and then what is done to many calls at once.
// `whole` shows a view, `open` one call of it, `to` who has it: by default everybody of a clinic.
const VIEWS = {
  calls: { whole: CallsView, open: CallView },
  live: { whole: LiveView, open: LiveCallView },
  search: { whole: SearchView, to: (session) => session.search },
  overview: { whole: OverviewView },
  operate: { whole: OperateView },
}
const viewsOf = (session) => Object.keys(VIEWS).filter((view) => VIEWS[view].to?.(session) ?? true)

function Gate({ message, action, label }) {
  return html`<main id="content" class="gate"><${Title}>${text.product}<//>${message && html`<p role="status">${message}</p>`}
    ${action && html`<button type="button" class="first" onClick=${action}>${label}</button>`}</main>`
}

function Head({ session, route, clinicZone, zone, setZone, signOut }) {
  const clinic = route.clinic
  return html`<a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); document.getElementById('content').querySelector('h1').focus() }}>${text.skip}</a>
    <header>
      <span class="brand">${text.product}</span>
      <nav aria-label=${text.navigation}><ul>${viewsOf(session).map((view) => html`<li key=${view}>
        <a href=${address({ clinic, view })} aria-current=${route.view === view ? 'page' : undefined}>${text.views[view]}</a></li>`)}</ul></nav>
      <div class="who">
        ${session.clinics.length > 1 && html`<label>${text.clinic} <select value=${clinic} onChange=${(event) => go({ clinic: event.target.value, view: route.view })}>
          ${session.clinics.map(({ id }) => html`<option key=${id} value=${id}>${id}</option>`)}</select></label>`}
        ${clinicZone && clinicZone !== viewerZone && html`<label>${text.zone} <select value=${zone} onChange=${(event) => setZone(event.target.value)}>
          <option value=${clinicZone}>${text.zones.clinic(clinicZone)}</option><option value=${viewerZone}>${text.zones.viewer(viewerZone)}</option></select></label>`}
        <span class="user">${session.user}</span>
        <button type="button" onClick=${signOut}>${text.signOut}</button>
      </div>
    </header>`
}

function SignedIn({ api, signIn }) {
  const route = useRoute()
  const loaded = useLoaded((signal) => api.session({ signal }), [])
  const [zone, setZone] = useState(localStorage.getItem(ZONE))
  const session = loaded.value
  const clinic = session?.clinics.find(({ id }) => id === route.clinic)
  useEffect(() => {
    if (session?.clinics.length && (!clinic || !viewsOf(session).includes(route.view))) location.replace(address({ clinic: clinic?.id ?? session.clinics[0].id, view: 'calls' }))
  }, [session, clinic, route.view])
  if (!session) return html`<main id="content" class="gate"><${Waiting} ...${loaded} /></main>`
  const signOut = () => signIn.end()
  if (!session.clinics.length) return html`<${Gate} message=${text.noClinic} action=${signOut} label=${text.signOut} />`
  if (!clinic || !viewsOf(session).includes(route.view)) return null
  const view = VIEWS[route.view]
  const zones = [clinic.time_zone, viewerZone]
  const shown = zone && zones.includes(zone) ? zone : (clinic.time_zone ?? viewerZone)
  const keep = (chosen) => { localStorage.setItem(ZONE, chosen); setZone(chosen) }
  const Shown = route.call ? (view.open ?? view.whole) : view.whole
  return html`<${Session.Provider} value=${session}><${Head} ...${{ session, route, clinicZone: clinic.time_zone, zone: shown, setZone: keep, signOut }} />
    <main id="content"><${Shown} key=${`${clinic.id} ${route.view} ${route.day} ${route.call} ${route.filters.kind}`} ...${{ api, session, clinic: clinic.id, route, zone: shown, token: () => signIn.token() }} /></main><//>`
}

function Page({ signIn, failed }) {
  const [signedIn, setSignedIn] = useState(signIn.signedIn)
  const [message, setMessage] = useState(failed ? text.signInFailed : null)
  const api = useMemo(() => new Api({
    token: () => signIn.token(),
    onSignedOut: () => { signIn.forget(); setMessage(text.errors[401]); setSignedIn(false) },
  }), [])
  if (signedIn) return html`<${SignedIn} api=${api} signIn=${signIn} />`
  const begin = () => signIn.begin()
  return html`<${Gate} message=${message} action=${begin} label=${text.signIn} />`
}

async function start() {
  const root = document.getElementById('app')
  try {
    const answer = await fetch('config.json', { cache: 'no-cache', signal: AbortSignal.timeout(15_000) })
    if (!answer.ok) throw Object.assign(new Error('config.json'), { status: answer.status })
    const signIn = new SignIn((await answer.json()).sign_in)
    const failed = await signIn.complete().then(() => false, () => true)
    render(html`<${Page} signIn=${signIn} failed=${failed} />`, root)
  } catch (error) {
    render(html`<${Gate} message=${explained({ status: error.status ?? 0 })} action=${() => location.reload()} label=${text.retry} />`, root)
  }
}

await start()
