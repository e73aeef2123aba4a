// What of a waveform is drawn. No DOM here.

// The loudest level of each of so many columns, from 0 to 1 of the loudest of all, for a row of each channel.
export function columns({ channels, duration_seconds: duration }, { width, length }) {
  const loudest = Math.max(1, ...channels.map((levels) => Math.max(...levels)))
  return channels.map((levels) => Array.from({ length: width }, (_, column) => {
    const point = (x) => (((x * length) / width) * levels.length) / duration
    const first = Math.floor(point(column))
    const after = Math.max(first + 1, Math.floor(point(column + 1)))
    return Math.max(0, ...levels.slice(first, after)) / loudest
  }))
}
