// The recording: where it stands, and who wants to know.

const AGAIN_AFTER_MS = 30_000

export class Playback {
  // `load()`: brings a signed address of the recording, which is good for minutes.
  constructor(load) {
    this.load = load
    this.audio = new Audio()
    this.audio.preload = 'metadata'
    this.watchers = new Set()
    this.failed = false
    this.loadedAt = -Infinity
    this.frame = null
    for (const event of ['play', 'pause', 'seeked', 'ratechange', 'loadedmetadata', 'ended']) this.audio.addEventListener(event, () => this.#tell())
    this.audio.addEventListener('error', () => this.#recover())
    document.body.append(this.audio)
  }

  get time() { return this.audio.currentTime }
  get playing() { return !this.audio.paused }
  get rate() { return this.audio.playbackRate }
  get length() { return Number.isFinite(this.audio.duration) ? this.audio.duration : null }

  async open() {
    this.loadedAt = performance.now()
    try {
      this.audio.src = await this.load()
    } catch {
      this.failed = true
      this.#tell()
    }
  }

  // A signed address ends: another one goes on where this one was. One that fails at once is not asked for again.
  async #recover() {
    if (performance.now() - this.loadedAt < AGAIN_AFTER_MS) {
      this.failed = true
      this.#tell()
      return
    }
    const { currentTime, paused, playbackRate } = this.audio
    await this.open()
    this.audio.currentTime = currentTime
    this.audio.playbackRate = playbackRate
    if (!paused) this.play()
  }

  // Promised by the browser, which refuses it where nobody has touched the page, or another seek comes first.
  play() { this.audio.play().catch((error) => { if (!['AbortError', 'NotAllowedError', 'NotSupportedError'].includes(error.name)) throw error }) }
  toggle() { if (this.playing) this.audio.pause(); else this.play() }
  seek(time) {
    this.audio.currentTime = Math.max(0, this.length === null ? time : Math.min(time, this.length))
    this.#tell()
  }

  set rate(value) { this.audio.playbackRate = this.audio.defaultPlaybackRate = value }

  // Returns what ends it.
  watch(watcher) {
    this.watchers.add(watcher)
    watcher(this)
    return () => this.watchers.delete(watcher)
  }

  #tell() {
    for (const watcher of this.watchers) watcher(this)
    if (this.playing && this.frame === null) {
      this.frame = requestAnimationFrame(() => { this.frame = null; this.#tell() })
    }
  }

  close() {
    if (this.frame !== null) cancelAnimationFrame(this.frame)
    this.watchers.clear()
    this.audio.pause()
    this.audio.remove()
    this.audio.removeAttribute('src')
  }
}
