// How loud the recording is from moment to moment: brought, or asked for where nobody has drawn it yet.

import { useEffect, useState } from 'preact/hooks'
import { text } from './strings.js'

// Seconds after which it is looked whether it is drawn: a recording of an hour takes some ten.
const PAUSES = [1, 2, 3, 5, 8, 13, 21]

const pause = (seconds, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, seconds * 1000)
  signal.addEventListener('abort', () => { clearTimeout(timer); resolve() })
})

async function brought(api, of, signal, tell) {
  let found = await api.waveform(of, { signal })
  if (!found.recording || found.drawn) return found
  tell({ note: text.call.waveform.drawing })
  await api.drawWaveform(of, { signal })
  for (const seconds of PAUSES) {
    await pause(seconds, signal)
    found = await api.waveform(of, { signal })
    if (found.drawn) return found
  }
  return found
}

// {waveform: {channels, duration_seconds}} or {note}, which says why there is none.
export function useWaveform(api, of, there) {
  const [state, setState] = useState({})
  useEffect(() => {
    if (!there) return
    const abort = new AbortController()
    const tell = (told) => !abort.signal.aborted && setState(told)
    setState({})
    brought(api, of, abort.signal, tell).then(
      (found) => tell(found.channels ? { waveform: found } : { note: text.call.waveform[found.drawn ? (found.reason in text.call.waveform ? found.reason : 'none') : 'late'] }),
      () => tell({ note: text.call.waveform.failed }),
    )
    return () => abort.abort()
  }, [api, of, there])
  return state
}
