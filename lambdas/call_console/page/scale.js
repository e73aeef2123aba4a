// The scale of a chart, and what is drawn for each day. No DOM here.

const NICE = [1, 2, 5, 10]

// Values at the foot, the middle and the top of a chart, such that all values have room and people can read them.
export function ticks(values, { whole = false, top } = {}) {
  const most = Math.max(0, ...values.filter((value) => value !== null))
  if (top !== undefined) return [0, top / 2, top]
  const half = most / 2 || (whole ? 1 : 0.5)
  const power = 10 ** Math.floor(Math.log10(half))
  const step = power * NICE.find((nice) => nice * power >= half * (1 - 1e-9))
  const least = whole ? Math.max(1, step) : step
  return [0, least, 2 * least]
}

// What a day is: `none` without calls, `unknown` where its calls do not tell, `part` of which there may be more, `zero`
// or `known`; and its height as a share of the chart's.
export function bar(figure, day, top) {
  if (!day) return { is: 'none', share: 0 }
  const value = figure.value(day)
  if (value === null) return { is: 'unknown', share: 1 }
  const is = figure.least && figure.known(day) < day.calls ? 'part' : value === 0 ? 'zero' : 'known'
  return { is, share: value / top }
}
