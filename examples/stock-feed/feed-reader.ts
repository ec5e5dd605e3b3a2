import { interfaceOf, type Place } from './channel.js'
import { type FeedReader, ROOMY } from './viewers.js'

/** On a machine that is too busy to answer in time nothing must get lost either; on others it makes no difference. */
const PATIENCE = { tries: 50, holdMs: 30_000 }

/** How a consumer of the feed is opened. */
export function optionsOf(place: Place, { asks }: FeedReader) {
  const options = {
    ...interfaceOf(place),
    overflow: `buffer:${ROOMY}`,
    ...(asks && { requests: place.requests, ...PATIENCE }),
  } as const
  return { urls: place.lines, options }
}
