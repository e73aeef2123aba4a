// Sign-in at the user pool: authorization code with PKCE (RFC 7636). Tokens live as long as the tab.

const TOKENS = 'callscribe.tokens'
const PENDING = 'callscribe.sign-in'
const EARLY_MS = 60_000

const base = () => location.origin + location.pathname
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const stored = (name) => JSON.parse(sessionStorage.getItem(name) ?? 'null')

export class SignInFailed extends Error {}

export class SignIn {
  // `endpoints`: {authorize, token, logout, client_id, scopes}.
  constructor(endpoints) {
    this.endpoints = endpoints
    this.renewal = null
  }

  get signedIn() {
    return stored(TOKENS) !== null
  }

  // Leaves the page; the user pool comes back to it with a code.
  async begin() {
    const verifier = random()
    const state = random()
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
    sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, hash: location.hash }))
    const { authorize, client_id, scopes } = this.endpoints
    const asked = { response_type: 'code', client_id, redirect_uri: base(), scope: scopes.join(' '), state, code_challenge: base64url(hash), code_challenge_method: 'S256' }
    location.assign(`${authorize}?${new URLSearchParams(asked)}`)
  }

  // Takes the code that the user pool came back with, if it did, and goes on where the sign-in began.
  async complete() {
    const given = new URLSearchParams(location.search)
    if (!given.has('code') && !given.has('error')) return
    const pending = stored(PENDING)
    sessionStorage.removeItem(PENDING)
    history.replaceState(null, '', base() + (pending?.hash ?? ''))
    // A code that nobody here asked for would sign somebody in as somebody else.
    if (!given.has('code') || pending === null || given.get('state') !== pending.state) throw new SignInFailed()
    await this.#fetchTokens({ grant_type: 'authorization_code', code: given.get('code'), redirect_uri: base(), code_verifier: pending.verifier })
  }

  // A token that is good for some time yet; null where there is none to be had without signing in again.
  async token() {
    const tokens = stored(TOKENS)
    if (tokens === null) return null
    if (Date.now() < tokens.until - EARLY_MS) return tokens.access
    this.renewal ??= this.#renew(tokens).finally(() => (this.renewal = null))
    await this.renewal
    return stored(TOKENS)?.access ?? null
  }

  // Without a refresh token the access token is used until it ends.
  async #renew(tokens) {
    if (!tokens.refresh) {
      if (Date.now() >= tokens.until) this.forget()
      return
    }
    try {
      await this.#fetchTokens({ grant_type: 'refresh_token', refresh_token: tokens.refresh }, tokens.refresh)
    } catch (error) {
      if (!(error instanceof SignInFailed)) throw error
      this.forget()
    }
  }

  async #fetchTokens(asked, refresh) {
    const answer = await fetch(this.endpoints.token, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...asked, client_id: this.endpoints.client_id }),
      signal: AbortSignal.timeout(15_000),
    })
    if (!answer.ok) throw new SignInFailed()
    const { access_token, refresh_token, expires_in } = await answer.json()
    const kept = { access: access_token, refresh: refresh_token ?? refresh, until: Date.now() + 1000 * expires_in }
    sessionStorage.setItem(TOKENS, JSON.stringify(kept))
  }

  forget() {
    sessionStorage.removeItem(TOKENS)
  }

  // Leaves the page, and ends the session at the user pool.
  end() {
    this.forget()
    const { logout, client_id } = this.endpoints
    location.assign(`${logout}?${new URLSearchParams({ client_id, logout_uri: base() })}`)
  }
}
