// Times, lengths and figures as people read them. What is not known is null and stays so.

import { text } from './strings.js'

const LANGUAGE = 'en'

export const viewerZone = Intl.DateTimeFormat().resolvedOptions().timeZone

export const dateTime = (iso, zone) =>
  new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short', timeZone: zone }).format(new Date(iso))

const date = (iso, zone) => new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeZone: zone }).format(new Date(iso))

// A begin of which the day only is known has no time of day, and no zone to move it to.
export const begin = (call, zone) =>
  call.started_at_source === 'key-day' ? `${date(`${call.day}T12:00:00Z`, 'UTC')} (${text.calls.dayOnly})` : dateTime(call.started_at, zone)

export const clock = (seconds) => {
  if (seconds === null || seconds === undefined) return text.unknown
  const whole = Math.max(0, Math.floor(seconds))
  const two = (number) => String(number).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

export const percent = (share) => (share === null || share === undefined ? null : Math.round(100 * share))

export const usd = (amount) => new Intl.NumberFormat(LANGUAGE, { style: 'currency', currency: 'USD', maximumFractionDigits: amount < 1 ? 4 : 2 }).format(amount)

// What a call costs: all of it, or the least that it did.
export const cost = (known) => {
  if (!known) return text.unknown
  if (known.total_usd !== null && known.total_usd !== undefined) {
    // Nobody knows whether refused requests were billed.
    return known.refused === 0 || known.requests <= 1 ? usd(known.total_usd) : text.call.costAtLeast(usd(known.total_usd))
  }
  return known.at_least_usd === null || known.at_least_usd === undefined ? text.unknown : text.call.costAtLeast(usd(known.at_least_usd))
}

// `appointment_requested` reads as "appointment requested".
export const plain = (name) => name.replaceAll('_', ' ').replaceAll('-', ' ')

// How far a zone's clocks are ahead of UTC at an instant, in milliseconds.
const ahead = (instant, zone) => {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(instant)
  const { year, month, day, hour, minute, second } = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]))
  return Date.UTC(year, month - 1, day, hour, minute, second) - instant
}

// When a day, yyyy-mm-dd, begins in a zone, or so many days later.
const startOfDay = (day, zone, later = 0) => {
  const midnight = Date.parse(`${day}T00:00:00Z`) + later * 86_400_000
  return new Date(midnight - ahead(midnight - ahead(midnight, zone), zone)).toISOString()
}

// The filters of an address as the API takes them: days are whole ones in the zone that is shown.
export const asked = ({ from, to, ...others }, zone) => ({ ...others, from: from && startOfDay(from, zone), to: to && startOfDay(to, zone, 1) })

// A day, yyyy-mm-dd, so many days before today in a zone.
export const daysAgo = (days, zone) => {
  const now = Date.now()
  return new Date(now + ahead(now, zone) - days * 86_400_000).toISOString().slice(0, 10)
}
