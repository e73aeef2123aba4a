// Controls of the recording, and a picture of who speaks when, and how loud.

import { useEffect, useRef, useState } from 'preact/hooks'
import { clock } from './format.js'
import { columns } from './levels.js'
import { html } from './parts.js'
import { text } from './strings.js'

const SPEEDS = [0.75, 1, 1.25, 1.5, 1.75, 2]
const STEP = 5
const LONG_STEP = 10

// What of the player is shown; changes a few times a second, not with every frame.
function useShown(playback) {
  const [shown, setShown] = useState({ second: 0, playing: false, rate: 1, failed: false })
  useEffect(() => playback.watch(({ time, playing, rate, failed }) => {
    const next = { second: Math.floor(time), playing, rate, failed }
    setShown((known) => (Object.keys(next).every((name) => known[name] === next[name]) ? known : next))
  }), [playback])
  return shown
}

const NAMES = { agent: '--agent', customer: '--customer' }

// How loud each channel is, in the colour of who speaks there.
function drawWaveform(context, { waveform, turns, length, width, height, colour }) {
  const rows = columns(waveform, { width: Math.max(1, Math.floor(width)), length })
  const row = height / rows.length
  for (const [channel, levels] of rows.entries()) {
    const own = rows.length === 1 ? turns : turns.filter((turn) => turn.channel === channel)
    const roles = new Array(levels.length).fill(null)
    for (const { role, start, end } of own) roles.fill(role, Math.floor((start / length) * levels.length), Math.ceil((end / length) * levels.length))
    for (const [x, level] of levels.entries()) {
      const tall = Math.max(1, level * (row - 4))
      context.fillStyle = colour(NAMES[roles[x]] ?? '--other')
      context.fillRect(x, row * channel + (row - tall) / 2, 1, tall)
    }
  }
}

// Each turn in the row of its speaker, as long as nothing is known of how loud it is.
function drawTurns(context, { turns, length, width, height, colour }) {
  const rows = 1 + Math.max(0, ...turns.map(({ row }) => row))
  const at = (seconds) => (seconds / length) * width
  for (const { row, role, start, end } of turns) {
    context.fillStyle = colour(NAMES[role] ?? '--other')
    context.fillRect(at(start), (height / rows) * row + 3, Math.max(1, at(end) - at(start)), height / rows - 6)
  }
}

function draw(canvas, { turns, marks, length, waveform }) {
  const scale = devicePixelRatio
  const { clientWidth, clientHeight } = canvas
  canvas.width = clientWidth * scale
  canvas.height = clientHeight * scale
  const context = canvas.getContext('2d')
  context.scale(scale, scale)
  const style = getComputedStyle(canvas)
  const colour = (name) => style.getPropertyValue(name)
  const at = (seconds) => (seconds / length) * clientWidth
  const on = { waveform, turns, length, width: clientWidth, height: clientHeight, colour }
  if (waveform) drawWaveform(context, on)
  else drawTurns(context, on)
  context.fillStyle = colour('--evidence-edge')
  for (const { start, end } of marks) context.fillRect(at(start), clientHeight - 4, Math.max(3, at(end) - at(start)), 4)
}

function Timeline({ playback, turns, marks, length, second, waveform }) {
  const canvas = useRef()
  const head = useRef()
  useEffect(() => {
    const drawn = canvas.current // what is removed is told so before its effects end
    const again = () => draw(drawn, { turns, marks, length, waveform })
    const size = new ResizeObserver(again)
    size.observe(drawn)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', again)
    return () => { size.disconnect(); scheme.removeEventListener('change', again) }
  }, [turns, marks, length, waveform])
  useEffect(() => {
    const { style } = head.current
    return playback.watch(({ time }) => { style.left = `${Math.min(100, (100 * time) / length)}%` })
  }, [playback, length])
  const seek = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    playback.seek(((event.clientX - left) / width) * length)
  }
  const press = (event) => {
    const to = { Home: 0, End: length, PageUp: playback.time + LONG_STEP, PageDown: playback.time - LONG_STEP }[event.key]
    if (to === undefined) return
    event.preventDefault()
    playback.seek(to)
  }
  return html`<div class="timeline" role="slider" tabindex="0" aria-label=${text.call.position} aria-valuemin="0" aria-valuemax=${Math.round(length)} aria-valuenow=${second}
      aria-valuetext=${text.call.positionIs(clock(second), clock(length))} onPointerDown=${seek} onPointerMove=${(event) => event.buttons === 1 && seek(event)} onKeyDown=${press}>
    <canvas ref=${canvas}></canvas><span class="head" ref=${head}></span></div>`
}

export function Player({ playback, turns, marks, length, drawn: { waveform, note } }) {
  const { second, playing, rate, failed } = useShown(playback)
  if (failed) return html`<p class="failure" role="alert">${text.call.recordingFailed}</p>`
  return html`<div class="controls">
      <button type="button" class="first play" onClick=${() => playback.toggle()}>${playing ? text.call.pause : text.call.play}</button>
      <button type="button" onClick=${() => playback.seek(playback.time - LONG_STEP)}>${text.call.back10}</button>
      <button type="button" onClick=${() => playback.seek(playback.time + LONG_STEP)}>${text.call.forward10}</button>
      <span class="time">${clock(second)} / ${clock(length)}</span>
      <label>${text.call.speed} <select value=${rate} onChange=${(event) => { playback.rate = Number(event.target.value) }}>
        ${SPEEDS.map((speed) => html`<option key=${speed} value=${speed}>${speed}×</option>`)}</select></label>
    </div>
    <${Timeline} ...${{ playback, turns, marks, length, second, waveform }} />
    <p class="quiet small" role="status">${note ?? ''}</p>`
}

// Where keys have a meaning of their own, they keep it.
const busy = (target, key) => {
  if (target.closest('input, textarea, select, [contenteditable]')) return true
  return key === ' ' && target.closest('button, a, summary') !== null
}

// Space, and arrows with and without shift; no letters, which would be in the way of screen readers and speech input.
export function useKeys(playback, words) {
  useEffect(() => {
    if (!playback) return
    const press = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || busy(event.target, event.key)) return
      const faster = (by) => { playback.rate = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.indexOf(playback.rate) + by))] ?? 1 }
      const plainly = { ' ': () => playback.toggle(), ArrowLeft: () => playback.seek(playback.time - STEP), ArrowRight: () => playback.seek(playback.time + STEP) }
      const withShift = {
        ArrowLeft: () => playback.seek(words.before(playback.time)), ArrowRight: () => playback.seek(words.after(playback.time)),
        ArrowUp: () => faster(1), ArrowDown: () => faster(-1),
      }
      const meant = (event.shiftKey ? withShift : plainly)[event.key]
      if (!meant) return
      event.preventDefault()
      meant()
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [playback, words])
}
