import { interfaceOf, type Place } from './channel.js'
import { type FeedReader, ROOMY } from './viewers.js'

/** How a consumer of the feed is opened. */
export function optionsOf(place: Place, { asks }: FeedReader) {
  const options = {
    ...interfaceOf(place),
    overflow: `buffer:${ROOMY}`,
    ...(asks && { requests: place.requests }),
  } as const
  return { urls: place.lines, options }
}
