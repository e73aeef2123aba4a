// The live feed: AppSync Events over a WebSocket, with the user's own token.

const CONNECT_MS = 15_000
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 15_000
// AppSync asks who it is only when somebody subscribes, and a token lasts for minutes: subscribing anew asks again.
const RENEW_MS = 240_000

const base64url = (text) => btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')

// Follows a channel until it is closed. A connection that is lost is opened again, later each time.
// `token()`: the access token, or null. `onEvent(event)`. `onState('open' | 'lost' | 'refused')`: how the feed stands.
export class Feed {
  constructor({ http, realtime }, channel, { token, onEvent, onState }) {
    Object.assign(this, { url: realtime, host: new URL(http).host, channel, token, onEvent, onState, closed: false, pause: FIRST_PAUSE_MS })
    this.#open()
  }

  async #open() {
    const token = await this.token().catch(() => null)
    if (this.closed) return
    if (token === null) return this.#again()
    const authorization = { host: this.host, Authorization: token }
    const socket = new WebSocket(this.url, ['aws-appsync-event-ws', `header-${base64url(JSON.stringify(authorization))}`])
    this.socket = socket
    // Silence is as good as an end: the API speaks at least as often as it says when it answers.
    let silence = setTimeout(() => this.#lost(socket), CONNECT_MS)
    let longest = CONNECT_MS
    const renewal = setTimeout(() => this.#lost(socket), RENEW_MS)
    this.stopClocks = () => { clearTimeout(silence); clearTimeout(renewal) }
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: 'connection_init' }))
      socket.send(JSON.stringify({ type: 'subscribe', id: '1', channel: this.channel, authorization }))
    }
    socket.onclose = () => this.#lost(socket)
    socket.onmessage = ({ data }) => {
      clearTimeout(silence)
      const message = JSON.parse(data)
      if (message.type === 'connection_ack') longest = message.connectionTimeoutMs ?? longest
      silence = setTimeout(() => this.#lost(socket), longest)
      if (message.type === 'subscribe_success') {
        this.pause = FIRST_PAUSE_MS
        this.onState('open')
      } else if (message.type === 'data') {
        // The event's text, or a list of it alone: descriptions of the protocol differ.
        for (const event of [message.event].flat()) this.onEvent(JSON.parse(event))
      } else if (message.type.endsWith('error')) {
        this.#lost(socket, message.type === 'broadcast_error' ? 'lost' : 'refused')
      }
    }
  }

  // `why` is what the user is told until it is open again, or lost for another reason.
  #lost(socket, why = 'lost') {
    if (this.socket !== socket) return
    this.#drop()
    if (!this.closed) {
      this.onState(why)
      this.#again()
    }
  }

  #drop() {
    const { socket } = this
    this.socket = null
    this.stopClocks?.()
    if (!socket) return
    socket.onopen = socket.onclose = socket.onmessage = null
    socket.close()
  }

  #again() {
    this.timer = setTimeout(() => this.#open(), this.pause * (0.5 + Math.random() / 2))
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS)
  }

  close() {
    this.closed = true
    clearTimeout(this.timer)
    this.#drop()
  }
}
