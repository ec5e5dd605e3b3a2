/** @returns `1,234,567`, or nothing for what is not known yet */
export function formatCount(value: number | undefined): string {
  return value === undefined ? '' : grouped.format(value)
}

/** @param price in units of 0.0001 dollars; four decimals only where two do not tell it */
export function formatPrice(price: number | null): string {
  return price === null ? '–' : (price / 10_000).toFixed(price % 100 === 0 ? 2 : 4)
}

/** @returns `12.3 s` */
export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`
}

const grouped = new Intl.NumberFormat('en-US')
