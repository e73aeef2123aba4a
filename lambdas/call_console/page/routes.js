// Addresses of views: `#/{clinic}/{view}/{day}/{call}?…`. All of it stands in the fragment, which no server sees.

import { useEffect, useState } from 'preact/hooks'

export const address = ({ clinic, view, day, call, filters = {} }) => {
  const path = [clinic, view, day, call].filter((part) => part !== undefined).map(encodeURIComponent).join('/')
  const given = Object.entries(filters).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return `#/${path}${given.length ? `?${new URLSearchParams(given)}` : ''}`
}

const parsed = (hash) => {
  const [path, filters] = hash.replace(/^#\/?/, '').split('?')
  const [clinic, view, day, call] = path.split('/').map(decoded)
  return { clinic, view, day, call, filters: Object.fromEntries(new URLSearchParams(filters ?? '')) }
}

// An address that somebody typed need not be well encoded.
const decoded = (part) => {
  try {
    return decodeURIComponent(part) || undefined
  } catch {
    return undefined
  }
}

export const go = (to) => location.assign(address(to))

export function useRoute() {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = () => setHash(location.hash)
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return parsed(hash)
}
