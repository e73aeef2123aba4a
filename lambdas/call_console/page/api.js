// The console's API. Every path stands here once.

const TIMEOUT_MS = 30_000

export class ApiError extends Error {
  // `status`: of HTTP; 0 where there was no answer.
  constructor(status, code) {
    super(`${status} ${code ?? ''}`)
    this.status = status
    this.code = code ?? null
  }
}

const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return given.length ? `?${new URLSearchParams(given)}` : ''
}

export class Api {
  // `token()`: the access token, or null. `onSignedOut()`: called once the API does not take it.
  constructor({ token, onSignedOut }) {
    this.token = token
    this.onSignedOut = onSignedOut
  }

  // `sent`: what is told the API, as JSON.
  async #ask(path, { signal, method = 'GET', sent } = {}) {
    const token = await this.token().catch(() => { throw new ApiError(0) })
    if (token === null) {
      this.onSignedOut()
      throw new ApiError(401)
    }
    const limit = AbortSignal.timeout(TIMEOUT_MS)
    let answer
    try {
      answer = await fetch(`api/${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }) },
        body: sent === undefined ? undefined : JSON.stringify(sent),
        cache: 'no-store',
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new ApiError(0)
    }
    const content = await answer.json().catch(() => null)
    if (answer.status === 401) this.onSignedOut()
    if (!answer.ok || content === null) throw new ApiError(answer.ok ? 502 : answer.status, content?.error?.code)
    return content
  }

  #clinic = (clinic) => `clinics/${encodeURIComponent(clinic)}`
  #call = ({ clinic, day, call }) => `${this.#clinic(clinic)}/calls/${encodeURIComponent(day)}/${encodeURIComponent(call)}`

  session = (options) => this.#ask('session', options)
  calls = (clinic, filters, options) => this.#ask(`${this.#clinic(clinic)}/calls${query(filters)}`, options)
  call = (of, options) => this.#ask(`${this.#call(of)}${query({ kind: of.kind })}`, options)
  comparison = (of, versions, options) => this.#ask(`${this.#call(of)}/comparison${query({ kind: of.kind, ...versions })}`, options)
  correct = (of, sent) => this.#ask(`${this.#call(of)}/roles${query({ kind: of.kind })}`, { method: 'PUT', sent })
  review = (of, sent) => this.#ask(`${this.#call(of)}/review${query({ kind: of.kind })}`, { method: 'PUT', sent })
  waveform = (of, options) => this.#ask(`${this.#call(of)}/waveform${query({ kind: of.kind })}`, options)
  drawWaveform = (of, options) => this.#ask(`${this.#call(of)}/waveform${query({ kind: of.kind })}`, { ...options, method: 'POST' })
  audio = (of, options) => this.#ask(`${this.#call(of)}/audio${query({ kind: of.kind })}`, options)
  search = (clinic, sent) => this.#ask(`${this.#clinic(clinic)}/search`, { method: 'POST', sent })
  running = (clinic, options) => this.#ask(`${this.#clinic(clinic)}/live`, options)
  liveCall = (clinic, call, after, options) => this.#ask(`${this.#clinic(clinic)}/live/${encodeURIComponent(call)}${query(after)}`, options)
  failed = (clinic, options) => this.#ask(`${this.#clinic(clinic)}/failed`, options)
  redrive = (clinic, recording, options) => this.#ask(`${this.#clinic(clinic)}/failed/${encodeURIComponent(recording)}/redrive`, { ...options, method: 'POST' })
  followAgain = (clinic, call, options) => this.#ask(`${this.#clinic(clinic)}/live/${encodeURIComponent(call)}/redrive`, { ...options, method: 'POST' })
  overview = (clinic, filters, options) => this.#ask(`${this.#clinic(clinic)}/overview${query(filters)}`, options)
}
